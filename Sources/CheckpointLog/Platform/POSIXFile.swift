#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif
import CPlatform
import Synchronization
import SystemPackage

/// `@unchecked Sendable`: the mapping changes only in ``map(byteCount:)`` and ``unmap()``. The only writer of a file
/// calls them before its first store and after its last one.
@safe final class POSIXFile: OpenFile, @unchecked Sendable {
    private let directory: FilePath
    private let name: String
    /// -1 after the file was closed, so that a late call fails: the number may belong to another file by then.
    private let descriptor: Atomic<Int32>
    private let counters: DiskCounters?
    private let fileByteLimit: Int?
    /// Whether the system has refused to read only from the page cache. Every such read then counts as a miss.
    private let refusesCachedReads = Atomic(false)
    private var mapping: UnsafeMutableRawBufferPointer?
    /// Whether the page table may have pages of the mapping.
    private let hasMappedPages = Atomic(false)
    /// Held while the mapping ends, and while its pages are dropped, so that the addresses cannot belong to another
    /// mapping.
    private let unmapping = Lock(())

    init(_ file: Int32, _ name: String, in directory: FilePath, _ counters: DiskCounters?, fileByteLimit: Int?) {
        descriptor = Atomic(file)
        self.directory = directory
        self.name = name
        self.counters = counters
        self.fileByteLimit = fileByteLimit
    }

    deinit { close() }

    /// For errors. To make it takes as long as a read, so it is not made at the opening.
    var path: FilePath { directory.appending(name) }

    /// The system ends a process that makes a file longer than its limit.
    private func checkEnd(_ end: Int, _ operation: FileSystemError.Operation) throws(FileSystemError) {
        guard let fileByteLimit, end > fileByteLimit else { return }
        throw FileSystemError(operation, path, .fileTooLarge)
    }

    private var file: Int32 { descriptor.load(ordering: .relaxed) }

    func byteCount() throws(FileSystemError) -> Int {
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw FileSystemError(.size, path, .current) }
        return Int(status.st_size)
    }

    func readOnce(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError) -> Int {
        let count = unsafe pread(file, buffer.baseAddress, buffer.count, off_t(offset))
        guard count >= 0 else { throw FileSystemError(.read, path, .current) }
        return count
    }

    func readIfCached(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError) -> Int? {
        if refusesCachedReads.load(ordering: .relaxed) { return nil }
        let count = unsafe checkpoint_read_if_cached(file, buffer.baseAddress, buffer.count, Int64(offset))
        if count >= 0 { return count }
        let code = Errno.current
        if code == .resourceTemporarilyUnavailable || code == .interrupted { return nil }
        // Counts as a miss: the caller reads in another way.
        if code.isRefusal {
            refusesCachedReads.store(true, ordering: .relaxed)
            return nil
        }
        throw FileSystemError(.read, path, code)
    }

    func writeOnce(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileSystemError) -> Int {
        try checkEnd(offset + bytes.count, .write)
        let count = unsafe pwrite(file, bytes.baseAddress, bytes.count, off_t(offset))
        guard count >= 0 else { throw FileSystemError(.write, path, .current) }
        counters?.countWrite(byteCount: count)
        return count
    }

    func writeOnce(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer,
        at offset: Int
    ) throws(FileSystemError) -> Int {
        try checkEnd(offset + first.count + second.count + third.count, .write)
        let count = unsafe checkpoint_write_three(
            file, first.baseAddress, first.count, second.baseAddress, second.count, third.baseAddress, third.count,
            Int64(offset))
        guard count >= 0 else { throw FileSystemError(.write, path, .current) }
        counters?.countWrite(byteCount: Int(count))
        return Int(count)
    }

    func reserve(byteCount: Int) throws(FileSystemError) -> Bool {
        try checkEnd(byteCount, .reserve)
        let code = Errno(rawValue: checkpoint_reserve(file, Int64(byteCount)))
        if code.rawValue == 0 { return true }
        if code.isRefusal { return false }
        throw FileSystemError(.reserve, path, code)
    }

    func map(byteCount: Int) throws(FileSystemError) -> Bool {
        guard POSIXFileSystem.canMap(onSystemOfType: checkpoint_file_system_type(file)) else { return false }
        let address = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else { return false }
        unsafe mapping = UnsafeMutableRawBufferPointer(start: address, count: byteCount)
        return true
    }

    func store(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        guard let mapping = unsafe mapping else { preconditionFailure("A store needs a mapping.") }
        precondition(offset >= 0 && offset + bytes.count <= mapping.count, "A store stays in its mapping.")
        guard let source = bytes.baseAddress, let target = mapping.baseAddress else { return }
        unsafe (target + offset).copyMemory(from: source, byteCount: bytes.count)
        if !hasMappedPages.load(ordering: .relaxed) { hasMappedPages.store(true, ordering: .relaxed) }
    }

    func storeWord(_ word: UInt64, at offset: Int) {
        guard let mapping = unsafe mapping, let target = mapping.baseAddress else {
            preconditionFailure("A store needs a mapping.")
        }
        precondition(offset >= 0 && offset + 8 <= mapping.count && offset % 8 == 0, "A word is stored whole.")
        unsafe checkpoint_store_release(target + offset, word)
    }

    func populate(_ range: Range<Int>) {
        unmapping.withLock { _ in
            guard let mapping = unsafe mapping, let start = mapping.baseAddress else { return }
            let range = range.clamped(to: 0..<mapping.count)
            hasMappedPages.store(true, ordering: .relaxed)
            unsafe checkpoint_populate_mapped_pages(start + range.lowerBound, range.count)
        }
    }

    func unmap() {
        unmapping.withLock { _ in
            if let mapping = unsafe mapping { unsafe munmap(mapping.baseAddress, mapping.count) }
            unsafe mapping = nil
        }
    }

    func setDirect(_ isDirect: Bool) -> Bool { checkpoint_set_direct(file, isDirect ? 1 : 0) == 1 }

    func truncate(toByteCount byteCount: Int) throws(FileSystemError) {
        guard uninterrupted({ ftruncate(file, off_t(byteCount)) }) == 0 else {
            throw FileSystemError(.truncate, path, .current)
        }
    }

    func sync() throws(FileSystemError) {
        counters?.countSync()
        dropMappedPages()
        guard checkpoint_sync(file) == 0 else { throw FileSystemError(.sync, path, .current) }
    }

    /// Before the kernel writes a mapped page back, it write-protects it, which interrupts every processor that runs
    /// this process, for each page. Removing all pages from the page table at once takes one interruption. The next
    /// store maps the page that is being appended to again.
    private func dropMappedPages() {
        // A store that comes at this moment is for the next sync, or costs that one interruption.
        guard hasMappedPages.exchange(false, ordering: .relaxed) else { return }
        unmapping.withLock { _ in
            guard let mapping = unsafe mapping, let start = mapping.baseAddress else { return }
            unsafe checkpoint_drop_mapped_pages(start, mapping.count)
        }
    }

    func close() {
        let file = descriptor.exchange(-1, ordering: .relaxed)
        guard file >= 0 else { return }
        unmap()
        _ = POSIXFileSystem.systemClose(file)
    }
}
