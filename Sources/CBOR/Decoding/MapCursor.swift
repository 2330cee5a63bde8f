/// A map that is being decoded, and the entry where the next key is expected. A ``KeyedReader`` refers to nothing else,
/// since the standard library copies it for each key.
final class MapCursor {
    let state: DecodingState
    let path: CodingPath?
    /// Where the map begins, and where its first entry does.
    let item: Int
    let start: Int
    /// How many entries the map has; the greatest number for an indefinite length.
    let count: Int
    /// The entry to look at first: the one after the last entry that was found, or that entry itself while the end of
    /// its value is unknown.
    var next: Int
    var index = 0
    /// The offset of the value of the entry at `next`, once it was found; otherwise -1.
    var foundValue = -1
    /// The end of that value, once it was decoded; otherwise -1.
    var foundEnd = -1
    /// How many entries were passed in searches for keys.
    var searched = 0
    /// Made when so many entries were passed that it pays.
    var table: MapTable?

    init(_ head: CBORHead, at item: Int, state: DecodingState, path: CodingPath?) {
        self.state = state
        self.item = item
        self.path = path
        start = head.end
        next = head.end
        count = head.isIndefinite ? .max : Int(clamping: head.argument)
    }

    var isIndefinite: Bool { count == .max }

    /// Notes the end of the value that was found. For the last entry, that is also the end of the map.
    @inline(__always)
    func end(at offset: Int) {
        foundEnd = offset
        if index &+ 1 == count { state.note(offset, of: item) }
    }

    /// The entry at `offset`; nil at the end of the map.
    func entry(at offset: Int, index: Int, _ reader: CBORReader) throws(CBORError) -> (key: CBORHead, value: Int)? {
        if index >= count { return nil }
        let key = try reader.head(at: offset)
        if isIndefinite, key.isBreak { return nil }
        return (try reader.headBehindTags(at: offset), try reader.skip(from: offset))
    }
}
