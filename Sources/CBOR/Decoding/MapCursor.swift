/// A map being decoded, and where in it the next key is expected. It is all that a ``KeyedReader`` refers to: the
/// standard library copies that for each key.
final class MapCursor {
    let state: DecodingState
    let path: CodingPath?
    /// Where the map stands, and where its first entry does.
    let item: Int
    let start: Int
    /// Entries; the greatest number for an indefinite length.
    let count: Int
    /// The entry to look at first: the one after the last found, or that one while its value's end is not known.
    var next: Int
    var index = 0
    /// The value of the entry at `next`, once it was found; else -1.
    var foundValue = -1
    /// Where that value ends, once it was decoded; else -1.
    var foundEnd = -1
    /// Entries that were gone over in search of keys.
    var searched = 0
    /// Made once that many were that it pays.
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

    /// Notes where the value that was found ends, and with the last entry where the map does.
    @inline(__always)
    func end(at offset: Int) {
        foundEnd = offset
        if index &+ 1 == count { state.note(offset, of: item) }
    }

    /// The entry at `offset`; nil at the map's end.
    func entry(at offset: Int, index: Int, _ reader: CBORReader) throws(CBORError) -> (key: CBORHead, value: Int)? {
        if index >= count { return nil }
        let key = try reader.head(at: offset)
        if isIndefinite, key.isBreak { return nil }
        return (try reader.headBehindTags(at: offset), try reader.skip(from: offset))
    }
}
