/// The keys of a type as they stand in CBOR, by the byte that tells its cases apart.
///
/// For enumerations of one byte, as the compiler makes `CodingKeys`: a case's text is asked for once, and not for each
/// value. That takes a quarter of what a small struct costs away. Other keys, and texts that do not fit, are asked each
/// time.
@safe final class KeyTable {
    /// A key's head and text, which are appended by three stores, and its hash.
    struct Entry {
        var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
        var hash: UInt32 = 0
        /// How many bytes of the words count; 0 if the key is not known.
        var byteCount: UInt8 = 0
        /// Whether the key is to be asked each time.
        var isUnfit = false
    }

    /// Cases with a place in the table; an enumeration of more has its first ones here.
    static let caseCount = 64
    static let textByteLimit = 23

    private let entries: UnsafeMutablePointer<Entry>

    init() {
        unsafe entries = .allocate(capacity: Self.caseCount)
        unsafe entries.initialize(repeating: Entry(), count: Self.caseCount)
    }

    deinit { unsafe entries.deallocate() }

    /// Whether keys of `type` can be in a table: whether they are told apart by one byte.
    static func fits<Key>(_ type: Key.Type) -> Bool { MemoryLayout<Key>.size == 1 }

    /// The entry of `key`; nil for a case without a place.
    ///
    /// - Precondition: the type of `key` ``fits(_:)``.
    @inline(__always)
    func entry<Key>(of key: Key) -> UnsafeMutablePointer<Entry>? {
        let index = Int(unsafe unsafeBitCast(key, to: UInt8.self))
        return index < Self.caseCount ? unsafe entries + index : nil
    }

    /// Notes the text of a key of which nothing is known yet.
    static func note<Key>(
        _ key: Key, _ text: UnsafeBufferPointer<UInt8>, hash: UInt32, in entry: UnsafeMutablePointer<Entry>
    ) {
        // A struct or a class can have other texts at other times.
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
