/// A container being encoded, or the place of one value. FORMAT.md says nothing of it: it is gone when its value is encoded.
struct EncodingNode {
    enum Form {
        /// A place for one value, of which nothing is known yet.
        case slot
        /// A place with its single value, which has no head of the node's.
        case value
        case array
        case map
    }

    /// Its number among all that were ever opened: what refers to a node whose value is done finds none under its number.
    let place: Int
    /// The container that it stands in, or -1.
    let parent: Int
    /// How many containers it stands in, itself included.
    let depth: Int
    /// Whether its container counts it only when its `encode(to:)` has returned. Any other is part of its container from the beginning.
    let isUnderWay: Bool
    var form = Form.slot
    let key: (any CodingKey)?
    /// Where its head stands: one byte while it is open, as long as its count needs once it is closed.
    var head: Int
    var headByteCount = 1
    var count = 0
    var isOpen = true
    /// Where its items end, once it is closed.
    var end = 0
    /// The innermost open node when it was opened.
    let enclosing: Int
    /// What it holds, when that is no longer in the buffer.
    var tree: EncodedTree?
    /// The hashes of the first keys, two in a word: a hash not among them proves a key new. No vector, whose alignment would make the node
    /// longer by a cache line.
    private var keyHashes: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
    static let keyHashCount = 16
    var keyCount = 0
    /// The keys themselves, once they are more than the hashes have room for.
    var keys: Set<String>?

    @inline(__always)
    init(
        place: Int, parent: Int, key: consuming (any CodingKey)?, depth: Int, isUnderWay: Bool, head: Int, enclosing: Int,
        tree: EncodedTree? = nil
    ) {
        self.place = place
        self.parent = parent
        self.key = key
        self.depth = depth
        self.isUnderWay = isUnderWay
        self.head = head
        self.enclosing = enclosing
        self.tree = tree
    }

    /// Keeps the hash of a key; false where it was there already, or there is no room for it.
    @inline(__always)
    mutating func note(_ hash: UInt32) -> Bool {
        let count = keyCount
        guard count < Self.keyHashCount else { return false }
        let isNew = unsafe withUnsafeMutableBytes(of: &keyHashes) { hashes in
            for index in 0..<count
            where unsafe hashes.load(fromByteOffset: index * 4, as: UInt32.self) == hash {
                return false
            }
            unsafe hashes.storeBytes(of: hash, toByteOffset: count * 4, as: UInt32.self)
            return true
        }
        if isNew { keyCount = count + 1 }
        return isNew
    }
}
