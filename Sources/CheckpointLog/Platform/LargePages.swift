import CPlatform

/// Large pages for memory that is about to be filled for the first time. A fresh page of the ordinary size costs as
/// much as the copy into it.
package enum LargePages {
    /// For fewer bytes the call costs more than it gains.
    private static let leastByteCount = 2 << 20

    /// Asks for large pages. This is a hint, and does nothing if the system has none.
    package static func want(_ memory: UnsafeMutableRawBufferPointer) {
        guard memory.count >= leastByteCount, let start = memory.baseAddress else { return }
        unsafe checkpoint_want_large_pages(start, memory.count)
    }
}
