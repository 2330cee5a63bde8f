/// A map that is being decoded, and the entry where the next key is expected. A ``KeyedReader`` refers to nothing else,
/// since the standard library copies it for each key.
final class MapCursor {
    let state: DecodingState
    var path: CodingPath?
    /// Where the map begins, and where its first entry does.
    private(set) var item: Int
    private(set) var start: Int
    /// How many entries the map has; the greatest number for an indefinite length.
    private(set) var count: Int
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
        count = Self.count(head)
    }

    /// Moves to another map of the same bytes.
    func move(to head: CBORHead, at item: Int, path: CodingPath?) {
        self.item = item
        // An element of an array mostly has the path that the one before it had; see `DecodingState.pathAgain`.
        if self.path !== path { self.path = path }
        start = head.end
        next = head.end
        count = Self.count(head)
        index = 0
        foundValue = -1
        foundEnd = -1
        searched = 0
        if table != nil { table = nil }
    }

    private static func count(_ head: CBORHead) -> Int {
        head.isIndefinite ? .max : Int(clamping: head.argument)
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
