#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif
import CPlatform
import Synchronization
package import SystemPackage

/// The disk of this machine. With ``POSIXFile`` and ``Descriptors`` it is the only place of the engine that makes
/// system calls on files.
package final class POSIXFileSystem: FileSystem {
    package static let shared = POSIXFileSystem()

    package let bootIdentifier: UInt64
    package let counters: DiskCounters?
    package let fileByteLimit: Int?
    private let followsUmask: Bool

    private init(_ bootIdentifier: UInt64, _ counters: DiskCounters, followsUmask: Bool) {
        self.bootIdentifier = bootIdentifier
        self.counters = counters
        self.followsUmask = followsUmask
        fileByteLimit = Self.processFileByteLimit
    }

    private init() {
        counters = nil
        followsUmask = false
        fileByteLimit = nil
        var name = [UInt8](repeating: 0, count: 64)
        let count = unsafe name.withUnsafeMutableBytes { buffer in
            unsafe buffer.baseAddress.map {
                unsafe checkpoint_boot_name($0.assumingMemoryBound(to: CChar.self), buffer.count)
            } ?? 0
        }
        bootIdentifier = Self.bootIdentifier(named: name.prefix(count))
    }

    /// Containers and sandboxes hide the boot's name, or give every machine the same one, of zeros. Such a name says
    /// nothing about two openings.
    package static func bootIdentifier(named name: some Sequence<UInt8>) -> UInt64 {
        let isBlank = name.allSatisfy { byte in
            [0, UInt8(ascii: "0"), UInt8(ascii: "-"), UInt8(ascii: "\n")].contains(byte)
        }
        return isBlank ? 0 : fnv1a(name)
    }

    /// Zero means unknown.
    static func fnv1a(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return max(hash, 1)
    }

    /// Whether a store into a file with all its blocks goes to the page cache from which a sync writes, and never needs
    /// a new block; a store that finds no room ends the process. On file systems where files can share blocks (XFS,
    /// APFS, Btrfs), copying an open log makes the next store to each block need a new one.
    package static func canMap(onSystemOfType type: Int64) -> Bool {
        // ext2, ext3 and ext4; tmpfs; HFS+
        return [0xEF53, 0x0102_1994, 0x4244].contains(type)
    }

    package func createDirectory(_ path: FilePath) throws(FileSystemError) {
        let mode = mode_t(followsUmask ? 0o777 : 0o700)
        let code = unsafe path.withPlatformString { path in uninterrupted { unsafe mkdir(path, mode) } }
        guard code == 0 else {
            throw FileSystemError(.createDirectory, path, .current)
        }
    }

    package func openDirectory(_ path: FilePath) throws(FileSystemError) -> any OpenDirectory {
        let file = Descriptors.open(path, O_RDONLY | O_DIRECTORY)
        guard file >= 0 else { throw FileSystemError(.open, path, .current) }
        return POSIXDirectory(
            file, path: path, counters, mode: followsUmask ? 0o666 : 0o600, fileByteLimit: fileByteLimit)
    }

    /// A file that grows beyond this limit ends the process (SIGXFSZ), unless the signal is ignored.
    private static var processFileByteLimit: Int? {
        var limit = rlimit()
        #if canImport(Glibc)
        let code = unsafe getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        #else
        let code = unsafe getrlimit(RLIMIT_FSIZE, &limit)
        #endif
        return code == 0 && limit.rlim_cur < rlim_t(Int64.max) ? Int(limit.rlim_cur) : nil
    }

    package func absolute(_ path: FilePath) -> FilePath {
        guard path.isRelative, let current = unsafe getcwd(nil, 0) else { return path }
        defer { unsafe free(current) }
        return FilePath(unsafe String(cString: current)).pushing(path)
    }

    package func forWriting(followsUmask: Bool) -> any FileSystem {
        POSIXFileSystem(bootIdentifier, DiskCounters(), followsUmask: followsUmask)
    }

    static func systemClose(_ file: Int32) -> Int32 { close(file) }
}

extension Errno {
    static var current: Errno { Errno(rawValue: errno) }
}

final class POSIXDirectory: OpenDirectory {
    let path: FilePath
    /// -1 after the directory was closed, so that a late call fails: the number may belong to another file by then.
    private let descriptor: Atomic<Int32>
    private let counters: DiskCounters?
    /// The mode of new files: that of the lock's file, which the log's first opening decided.
    private let mode: Atomic<UInt32>
    private let fileByteLimit: Int?

    init(_ file: Int32, path: FilePath, _ counters: DiskCounters?, mode: UInt32, fileByteLimit: Int?) {
        descriptor = Atomic(file)
        self.path = path
        self.counters = counters
        self.mode = Atomic(mode)
        self.fileByteLimit = fileByteLimit
    }

    deinit { close() }

    /// Never `AT_FDCWD`, whatever the number of a closed directory is.
    private var file: Int32 { descriptor.load(ordering: .relaxed) }

    /// Calls `body` with the directory to start at, and with the name to look up there.
    private func lookUp<Result>(_ name: String, _ body: (Int32, UnsafePointer<CChar>) -> Result) -> Result {
        return unsafe name.withCString { unsafe body(file, $0) }
    }

    private func failure(_ operation: FileSystemError.Operation, _ name: String) -> FileSystemError {
        FileSystemError(operation, path.appending(name), .current)
    }

    /// Opens `name`; -1 with `errno`.
    private func open(_ name: String, _ flags: Int32) -> Int32 {
        unsafe lookUp(name) {
            unsafe Descriptors.open($1, in: $0, flags, mode: mode_t(mode.load(ordering: .relaxed)))
        }
    }

    func openFile(_ name: String, _ mode: OpenMode) throws(FileSystemError) -> any OpenFile {
        let flags: Int32 =
            switch mode {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .create: O_RDWR | O_CREAT | O_EXCL
            }
        // A pipe in a file's place must not block the opening. O_NONBLOCK has no other effect on regular files.
        let file = open(name, flags | O_NOFOLLOW | O_NONBLOCK)
        guard file >= 0 else { throw failure(.open, name) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            let code = status.st_mode & S_IFMT == S_IFDIR ? Errno.isDirectory : .invalidArgument
            _ = POSIXFileSystem.systemClose(file)
            throw FileSystemError(.open, path.appending(name), code)
        }
        // The umask of this process does not matter: the log's first opening decided.
        let wanted = mode_t(self.mode.load(ordering: .relaxed))
        if mode == .create, hasLock.load(ordering: .relaxed), status.st_mode & 0o777 != wanted {
            _ = fchmod(file, wanted)
        }
        // Updating the access time takes a twentieth of a read of a few hundred bytes.
        if mode == .read { checkpoint_skip_access_time(file) }
        return POSIXFile(file, name, in: path, counters, fileByteLimit: fileByteLimit)
    }

    func createDirectory(_ name: String) throws(FileSystemError) {
        // Whoever may read the files may enter the directory.
        let files = mode_t(mode.load(ordering: .relaxed))
        let mode = files | (files & 0o444) >> 2
        let code = unsafe lookUp(name) { place, name in uninterrupted { unsafe mkdirat(place, name, mode) } }
        guard code == 0 else { throw failure(.createDirectory, name) }
    }

    func openDirectory(_ name: String) throws(FileSystemError) -> any OpenDirectory {
        let file = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        guard file >= 0 else { throw failure(.open, name) }
        return POSIXDirectory(
            file, path: path.appending(name), counters, mode: mode.load(ordering: .relaxed),
            fileByteLimit: fileByteLimit)
    }

    func entries() throws(FileSystemError) -> [DirectoryEntry] {
        // An open description of its own. A shared one has one reading position for all.
        let file = open(".", O_RDONLY | O_DIRECTORY)
        guard file >= 0 else { throw FileSystemError(.list, path, .current) }
        guard let stream = unsafe fdopendir(file) else {
            let code = Errno.current
            _ = POSIXFileSystem.systemClose(file)
            throw FileSystemError(.list, path, code)
        }
        defer { unsafe closedir(stream) }
        var entries: [DirectoryEntry] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                if errno != 0 { throw FileSystemError(.list, path, .current) }
                return entries
            }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            var type = unsafe Int32(entry.pointee.d_type)
            if type == Int32(DT_UNKNOWN) {
                switch status(of: name).map({ $0.st_mode & S_IFMT }) {
                case S_IFREG: type = Int32(DT_REG)
                case S_IFDIR: type = Int32(DT_DIR)
                default: break
                }
            }
            entries.append(
                DirectoryEntry(
                    name: name, isRegularFile: type == Int32(DT_REG), isDirectory: type == Int32(DT_DIR)))
        }
    }

    /// The status of what has that name, of a link itself and not of its target; nil with `errno`.
    func status(of name: String) -> stat? {
        var status = stat()
        return unsafe lookUp(name) { unsafe fstatat($0, $1, &status, AT_SYMLINK_NOFOLLOW) } == 0 ? status : nil
    }

    func rename(_ name: String, to newName: String) throws(FileSystemError) {
        let code = unsafe lookUp(name) { source, name in
            unsafe lookUp(newName) { target, newName in
                uninterrupted { unsafe renameat(source, name, target, newName) }
            }
        }
        guard code == 0 else { throw failure(.rename, name) }
    }

    func link(_ name: String, to newName: String, in target: any OpenDirectory) throws(FileSystemError) -> Bool {
        guard let target = target as? POSIXDirectory else { return false }
        let code = unsafe lookUp(name) { source, name in
            unsafe target.lookUp(newName) { target, newName in
                uninterrupted { unsafe linkat(source, name, target, newName, 0) }
            }
        }
        guard code != 0 else { return true }
        let error = Errno.current
        if error.isRefusal || [.improperLink, .tooManyLinks].contains(error) { return false }
        throw FileSystemError(.link, target.path.appending(newName), error)
    }

    func remove(_ name: String) throws(FileSystemError) {
        let code = unsafe lookUp(name) { place, name in uninterrupted { unsafe unlinkat(place, name, 0) } }
        guard code == 0 else { throw failure(.remove, name) }
    }

    func sync() throws(FileSystemError) {
        guard !refusesSyncs.load(ordering: .relaxed) else { return }
        counters?.countSync()
        guard uninterrupted({ fsync(file) }) == 0 else {
            // If the file system cannot sync directories, names are as durable as it makes them.
            if Errno.current.isRefusal { return refusesSyncs.store(true, ordering: .relaxed) }
            let error = FileSystemError(.syncDirectory, path, .current)
            failedSyncs.add(1, ordering: .releasing)
            throw error
        }
    }

    private let hasLock = Atomic(false)
    private let failedSyncs = Atomic(0)
    private let refusesSyncs = Atomic(false)

    var failedSyncCount: Int { failedSyncs.load(ordering: .acquiring) }

    func syncParent() throws(FileSystemError) {
        counters?.countSync()
        let file = open("..", O_RDONLY | O_DIRECTORY)
        guard file >= 0 else {
            // The process may be allowed to pass through the parent directory and not to read it.
            if Errno.current == .permissionDenied || Errno.current.isRefusal { return }
            throw failure(.syncDirectory, "..")
        }
        defer { _ = POSIXFileSystem.systemClose(file) }
        guard uninterrupted({ fsync(file) }) == 0 || Errno.current.isRefusal else {
            throw failure(.syncDirectory, "..")
        }
    }

    func lock(_ name: String) throws(FileSystemError) -> LockOutcome {
        let file = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK)
        guard file >= 0 else { throw failure(.lock, name) }
        var status = stat()
        let code = unsafe fstat(file, &status)
        let lock = POSIXLock(file, name: name, in: self, FileIdentity(status))
        // A pipe can be opened and even locked, but it cannot store the name of a process.
        guard code == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw FileSystemError(.lock, path.appending(name), .invalidArgument)
        }
        if checkpoint_lock(file) != 0 {
            let code = Errno.current
            guard code == .wouldBlock || code == .resourceTemporarilyUnavailable else {
                throw FileSystemError(.lock, path.appending(name), code)
            }
            return .held(by: lock.holder())
        }
        mode.store(UInt32(status.st_mode & 0o666 | 0o600), ordering: .relaxed)
        hasLock.store(true, ordering: .relaxed)
        lock.writeHolder(.current)
        return .acquired(lock)
    }

    func isLocked(_ name: String) throws(FileSystemError) -> Bool { try ask(name, checkpoint_is_locked) }

    func isAnnounced(_ name: String) throws(FileSystemError) -> Bool { try ask(name, checkpoint_is_announced) }

    private func ask(_ name: String, _ question: (Int32) -> Int32) throws(FileSystemError) -> Bool {
        let file = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        guard file >= 0 else {
            if Errno.current == .noSuchFileOrDirectory { return false }
            throw failure(.lock, name)
        }
        defer { _ = POSIXFileSystem.systemClose(file) }
        let code = question(file)
        if code < 0 {
            // If a reader cannot ask, it continues as if there were no writer: it never writes, and checks everything
            // that it reads.
            if Errno.current.isRefusal || Errno.current == .noLocks { return false }
            throw failure(.lock, name)
        }
        return code == 1
    }

    var placeIdentifier: UInt64 {
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { return 0 }
        return FileIdentity(status).hash
    }

    func close() {
        let file = descriptor.exchange(-1, ordering: .relaxed)
        if file >= 0 { _ = POSIXFileSystem.systemClose(file) }
    }
}
