/// A container being encoded, or the place of one value.
struct EncodingNode {
    enum Form {
        /// A place for one value that is still unknown.
        case slot
        /// A place with its single value. The node writes no head.
        case value
        case array
        case map
    }

    enum Key {
        case none
        case element(Int)
        case named
    }

    /// The node's number among all that were ever opened. After its value is complete, nobody finds a node under this
    /// number.
    private(set) var place = 0
    /// The container that it belongs to, or -1.
    private(set) var parent = -1
    /// The innermost open node when it was opened.
    private(set) var enclosing = -1
    /// How many containers it is in, itself included.
    private(set) var depth = 0
    /// Where its head is: one byte while the node is open, and as many as its count needs after it was closed.
    var head = 0
    var count = 0
    /// Where its items end, once it is closed.
    var end = 0
    var keyCount = 0
    var headByteCount = 1
    var form = Form.slot
    var isOpen = true
    /// Whether its container counts it only after its `encode(to:)` has returned. All others count from the beginning.
    private(set) var isUnderWay = false
    /// One bit for each hash. A key whose bit is not set is new, so its hash need not be compared.
    private var seen: UInt64 = 0
    /// The hashes of the first keys, two in a word. A hash that is not among them proves that a key is new. This is no
    /// SIMD vector, whose alignment would make the node a cache line longer.
    private var keyHashes: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
    static let keyHashCount = 16
    /// Its key in its container. ``NodeStack`` keeps named keys.
    var key = Key.none
    /// Its content, if that is no longer in the buffer.
    var tree: EncodedTree?
    /// The keys themselves, if there are more than the hashes have room for.
    var keys: Set<String>?

    /// Prepares the node of a complete value for another value.
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

    /// Releases what it refers to.
    @inline(__always)
    mutating func finish() {
        if tree != nil { tree = nil }
        if keys != nil { keys = nil }
    }

    /// Stores the hash of a key; false if it is there already, or if there is no room.
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
