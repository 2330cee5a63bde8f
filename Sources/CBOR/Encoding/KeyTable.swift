/// The keys of a type in the form in which they are stored, by the byte that distinguishes its cases.
///
/// It is for enumerations of one byte, such as the `CodingKeys` that the compiler makes. It asks a case for its text
/// once, and not for each value, which saves a quarter of the time for a small struct. Other keys, and texts that do
/// not fit, are asked each time.
///
/// Whoever makes one frees its memory. It is no class, since each keyed container has one, and would retain it.
@safe struct KeyTable {
    /// The head and the text of a key, which three stores append, and its hash.
    struct Entry {
        var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
        var hash: UInt32 = 0
        /// How many bytes of the words belong to the key; 0 if the key is not known yet.
        var byteCount: UInt8 = 0
        /// Whether the key must be asked each time.
        var isUnfit = false
    }

    /// How many cases have a place in the table. Of a larger enumeration these are the first ones.
    static let caseCount = 64
    static let textByteLimit = 23

    private let entries: UnsafeMutablePointer<Entry>

    init() {
        unsafe entries = .allocate(capacity: Self.caseCount)
        unsafe entries.initialize(repeating: Entry(), count: Self.caseCount)
    }

    func deallocate() { unsafe entries.deallocate() }

    /// Whether keys of `type` can be in a table, which is so if one byte distinguishes them.
    static func fits<Key>(_ type: Key.Type) -> Bool { MemoryLayout<Key>.size == 1 }

    /// The entry of `key`; nil for a case without a place.
    ///
    /// - Precondition: the type of `key` ``fits(_:)``.
    @inline(__always)
    func entry<Key>(of key: Key) -> UnsafeMutablePointer<Entry>? {
        let index = Int(unsafe unsafeBitCast(key, to: UInt8.self))
        return index < Self.caseCount ? unsafe entries + index : nil
    }

    /// Stores the text of a key that is not known yet.
    static func note<Key>(
        _ key: Key, _ text: UnsafeBufferPointer<UInt8>, hash: UInt32, in entry: UnsafeMutablePointer<Entry>
    ) {
        // A struct or a class may have another text at another time.
        guard text.count <= textByteLimit, Mirror(reflecting: key).displayStyle == .enum else {
            unsafe entry.pointee.isUnfit = true
            return
        }
        unsafe entry.pointee.hash = hash
        unsafe withUnsafeMutableBytes(of: &entry.pointee.words) { words in
            unsafe words[0] = 0x60 | UInt8(truncatingIfNeeded: text.count)
            for index in 0..<text.count { unsafe words[index + 1] = text[index] }
        }
        unsafe entry.pointee.byteCount = UInt8(text.count + 1)
    }
}
