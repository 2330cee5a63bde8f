#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif
import CPlatform
import SystemPackage

/// What distinguishes a file from every other one, whatever names it has.
struct FileIdentity: Equatable {
    private let device: UInt64
    private let node: UInt64

    init(_ status: stat) {
        device = UInt64(truncatingIfNeeded: status.st_dev)
        node = UInt64(truncatingIfNeeded: status.st_ino)
    }

    var hash: UInt64 {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: device)
        bytes.append(littleEndian: node)
        return POSIXFileSystem.fnv1a(bytes)
    }
}

/// The lock of one open description of a file. It ends with the process, however the process ends.
final class POSIXLock: FileLock {
    private let file: Int32
    private let isHeld = Lock(true)
    /// Whether the file contains this process's name, which the unlock has to remove.
    private let namesHolder = Lock(false)
    private let name: String
    private let directory: POSIXDirectory
    private let identity: FileIdentity

    init(_ file: Int32, name: String, in directory: POSIXDirectory, _ identity: FileIdentity) {
        self.file = file
        self.name = name
        self.directory = directory
        self.identity = identity
    }

    deinit { _ = POSIXFileSystem.systemClose(file) }

    func announce() { checkpoint_announce(file) }

    func isInPlace() throws(FileSystemError) -> Bool {
        guard let status = directory.status(of: name) else {
            let code = Errno.current
            if [.noSuchFileOrDirectory, .staleNFSFileHandle].contains(code) { return false }
            throw FileSystemError(.lock, directory.path.appending(name), code)
        }
        return FileIdentity(status) == identity
    }

    func unlock() {
        let wasHeld = isHeld.withLock { isHeld in
            defer { isHeld = false }
            return isHeld
        }
        // A second call would erase the name of whoever holds the lock by then.
        guard wasHeld else { return }
        // The name of a former holder would mislead readers.
        if namesHolder.withLock({ $0 }) { _ = uninterrupted { ftruncate(file, 0) } }
        _ = checkpoint_unlock(file)
    }

    /// Writes who holds the lock, for whoever finds it taken. Only a lock's file is overwritten: the name may be a
    /// second name of somebody else's file.
    func writeHolder(_ holder: LockHolder) {
        guard LockHolder.mayReplace(bytes()) else { return }
        namesHolder.withLock { $0 = true }
        let bytes = holder.bytes
        _ = uninterrupted { ftruncate(file, 0) }
        _ = unsafe bytes.withUnsafeBytes { unsafe pwrite(file, $0.baseAddress, $0.count, 0) }
    }

    func holder() -> LockHolder? { LockHolder(bytes()) }

    /// The content of the file, as far as a holder's text can reach and one page more: zeros that a power cut leaves
    /// must be distinguished from anything else.
    private func bytes() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe pread(file, $0.baseAddress, $0.count, 0) }
        return Array(bytes.prefix(max(count, 0)))
    }
}

extension LockHolder {
    /// This process.
    static var current: LockHolder {
        var name = [UInt8](repeating: 0, count: 256)
        _ = unsafe name.withUnsafeMutableBytes { buffer in
            unsafe buffer.baseAddress.map {
                unsafe gethostname($0.assumingMemoryBound(to: CChar.self), buffer.count - 1)
            }
        }
        return LockHolder(
            process: getpid(), began: checkpoint_process_start(),
            host: String(decoding: name.prefix { $0 != 0 }, as: UTF8.self))
    }

    package var isThisProcess: Bool { self == .current }
}
