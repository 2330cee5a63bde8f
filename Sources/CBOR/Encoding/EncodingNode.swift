/// A container being encoded, or the place of one value.
struct EncodingNode {
    enum Form {
        /// A place for one value, of which nothing is known yet.
        case slot
        /// A place with its single value, which has no head of the node's.
        case value
        case array
        case map
    }

    enum Key {
        case none
        case element(Int)
        case named
    }

    /// Its number among all that were ever opened: what refers to a node whose value is done finds none under its
    /// number.
    private(set) var place = 0
    /// The container that it stands in, or -1.
    private(set) var parent = -1
    /// The innermost open node when it was opened.
    private(set) var enclosing = -1
    /// How many containers it stands in, itself included.
    private(set) var depth = 0
    /// Where its head stands: one byte while it is open, as long as its count needs once it is closed.
    var head = 0
    var count = 0
    /// Where its items end, once it is closed.
    var end = 0
    var keyCount = 0
    var headByteCount = 1
    var form = Form.slot
    var isOpen = true
    /// Whether its container counts it only when its `encode(to:)` has returned. Any other is part of its container
    /// from the beginning.
    private(set) var isUnderWay = false
    /// A bit for each hash: a key whose bit is not set is new, without a look at the hashes.
    private var seen: UInt64 = 0
    /// The hashes of the first keys, two in a word: a hash not among them proves a key new. No vector, whose alignment
    /// would make the node longer by a cache line.
    private var keyHashes: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
    static let keyHashCount = 16
    /// Its key in the container that it stands in, which ``NodeStack`` keeps where it is a named one.
    var key = Key.none
    /// What it holds, when that is no longer in the buffer.
    var tree: EncodedTree?
    /// The keys themselves, once they are more than the hashes have room for.
    var keys: Set<String>?

    /// Makes the node of a value that is done that of another.
    @inline(__always)
    mutating func begin(
        place: Int, parent: Int, enclosing: Int, depth: Int, head: Int, isUnderWay: Bool
    ) {
        self.place = place
        self.parent = parent
        self.enclosing = enclosing
        self.depth = depth
        self.head = head
        self.isUnderWay = isUnderWay
        count = 0
        keyCount = 0
        seen = 0
        headByteCount = 1
        form = .slot
        isOpen = true
    }

    /// Lets go of what it refers to.
    @inline(__always)
    mutating func finish() {
        if tree != nil { tree = nil }
        if keys != nil { keys = nil }
    }

    /// Keeps the hash of a key; false if it was there already, or there is no room for it.
    @inline(__always)
    mutating func note(_ hash: UInt32) -> Bool {
        let count = keyCount
        guard count < Self.keyHashCount else { return false }
        let bit = (1 as UInt64) &<< UInt64(hash >> 26)
        let mayBeThere = seen & bit != 0
        seen |= bit
        let isNew = unsafe withUnsafeMutableBytes(of: &keyHashes) { hashes in
            if mayBeThere {
                for index in 0..<count
                where unsafe hashes.load(fromByteOffset: index * 4, as: UInt32.self) == hash {
                    return false
                }
            }
            unsafe hashes.storeBytes(of: hash, toByteOffset: count * 4, as: UInt32.self)
            return true
        }
        if isNew { keyCount = count + 1 }
        return isNew
    }
}
