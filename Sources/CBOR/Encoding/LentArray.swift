/// An array whose bytes are taken from where they are.
protocol LendableArray: Sendable {
    var byteCount: Int { get }
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result
}

extension Array: LendableArray where Element: TypedArrayElement {
    var byteCount: Int { count * MemoryLayout<Element>.stride }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        unsafe try withUnsafeBytes(body)
    }
}

/// An array that was lent to a ``ByteBuffer``. A copy of an array shares its memory, so whoever changes the array
/// meanwhile changes another copy.
struct LentArray {
    /// The place of its first byte.
    var start: Int
    let byteCount: Int
    let array: any LendableArray

    init(start: Int, array: some LendableArray) {
        self.start = start
        self.array = array
        byteCount = array.byteCount
    }

    var end: Int { start + byteCount }
}
