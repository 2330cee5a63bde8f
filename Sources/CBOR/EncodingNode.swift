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
    let key: (any CodingKey)?
    /// How many containers it stands in, itself included.
    let depth: Int
    /// Whether its container counts it only when its `encode(to:)` has returned. Any other is part of its container from the beginning.
    let isUnderWay: Bool
    var form = Form.slot
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
    /// The hashes of the first keys: a hash not among them proves a key new.
    var keyHashes = SIMD16<UInt32>()
    var keyCount = 0
    /// The keys themselves, once they are more than the hashes have room for.
    var keys: Set<String>?

    /// Keeps the hash of a key; false where it was there already, or there is no room for it.
    @inline(__always)
    mutating func note(_ hash: UInt32) -> Bool {
        let count = keyCount
        guard count < SIMD16<UInt32>.scalarCount else { return false }
        // Lane by lane through memory: the operators on vectors are calls here.
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
