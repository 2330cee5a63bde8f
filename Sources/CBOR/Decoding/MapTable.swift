/// The entries of a map by their keys. It is made for maps whose keys are asked for in another order than that in which
/// they are stored.
struct MapTable {
    struct Entry {
        var index: Int
        /// The offsets of the key and of the value.
        var key: Int
        var value: Int
    }

    private var texts: [String: Entry] = [:]
    private var numbers: [Int128: Entry] = [:]

    /// - Complexity: O(n) in the map's items.
    init(of map: MapCursor, _ reader: CBORReader) throws(CBORError) {
        var (offset, index) = (map.start, 0)
        while let (key, value) = try map.entry(at: offset, index: index, reader) {
            let entry = Entry(index: index, key: offset, value: value)
            // No key is there twice, since the whole item was checked.
            if key.major == .text {
                texts[try reader.text(key)] = entry
            } else if let number = key.number {
                numbers[number] = entry
            }
            offset = try reader.skip(from: value)
            index += 1
        }
    }

    /// The entry of the key `name`, or of the number that `name` stands for.
    func entry(_ name: String, _ number: Int?) -> Entry? {
        texts[name] ?? number.flatMap { numbers[Int128($0)] }
    }
}
