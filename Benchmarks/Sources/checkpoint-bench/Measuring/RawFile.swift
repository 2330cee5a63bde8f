import CMeasure
import Foundation

/// What the system gives a raw loop: the limits that are measured in the same run.
final class RawFile: @unchecked Sendable {
    /// `O_DIRECT`, which the C library's overlay leaves out.
    private static let direct: Int32 = {
        #if arch(arm64)
        0o200000
        #else
        0o40000
        #endif
    }()

    // Used by one thread at a time: those who share a file read it alone.
    private let file: Int32
    private var offset = 0
    private var mapping: UnsafeMutableRawBufferPointer?

    /// - Parameters:
    ///   - isDirect: past the page cache, where the file system allows it.
    ///   - byteCount: blocks are allocated for this much.
    init(_ path: String, isDirect: Bool = false, preallocating byteCount: Int = 0) throws {
        var file = open(path, O_CREAT | O_RDWR | (isDirect ? Self.direct : 0), 0o600)
        if file < 0, isDirect, errno == EINVAL { file = open(path, O_CREAT | O_RDWR, 0o600) }
        guard file >= 0 else { throw PeerFailure("raw file: \(errno)") }
        self.file = file
        if byteCount > 0, posix_fallocate(file, 0, off_t(byteCount)) != 0 { throw PeerFailure("raw file: no space") }
    }

    func append(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try append($0) } }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        let count = pwrite(file, bytes.baseAddress, bytes.count, off_t(offset))
        guard count == bytes.count else { throw PeerFailure("raw file: \(errno)") }
        offset += count
    }

    func read(_ count: Int, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        guard pread(file, buffer.baseAddress, count, off_t(offset)) == count else {
            throw PeerFailure("raw file: \(errno)")
        }
    }

    /// As ``read(_:at:into:)``, but asks first without waiting for the disk, as a thread has to that must not wait.
    func readIfCached(_ count: Int, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        let found = measure_read_if_cached(file, buffer.baseAddress, Int64(count), Int64(offset))
        if found == count { return }
        // The system may have taken the page back.
        guard found >= 0 || errno == EAGAIN else { throw PeerFailure("raw file: \(errno)") }
        try read(count, at: offset, into: buffer)
    }

    func map(_ byteCount: Int) throws {
        guard let start = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), start != MAP_FAILED else {
            throw PeerFailure("raw file: \(errno)")
        }
        mapping = UnsafeMutableRawBufferPointer(start: start, count: byteCount)
    }

    func store(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        guard let mapping else { return }
        UnsafeMutableRawBufferPointer(rebasing: mapping[offset..<offset + bytes.count]).copyMemory(from: bytes)
    }

    func sync() throws { guard fdatasync(file) == 0 else { throw PeerFailure("raw file: \(errno)") } }

    func rewind() { offset = 0 }

    func close() {
        if let mapping { munmap(mapping.baseAddress, mapping.count) }
        _ = Glibc.close(file)
    }
}
