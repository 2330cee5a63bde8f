import CheckpointLog
import SystemPackage

/// One open file of a ``SimulatedFileSystem``.
final class SimulatedFile: OpenFile {
    let path: FilePath
    private let system: SimulatedFileSystem
    private let number: Int

    init(_ system: SimulatedFileSystem, number: Int, path: FilePath) {
        self.system = system
        self.number = number
        self.path = path
    }

    deinit { close() }

    private func call(_ operation: SimulatedCall.Operation, at offset: Int = 0, _ byteCount: Int = 0) -> SimulatedCall {
        SimulatedCall(operation: operation, path: path, offset: offset, byteCount: byteCount)
    }

    func byteCount() throws(FileSystemError) -> Int {
        try system.perform(call(.size)) { (disk, _) throws(Errno) in try disk.byteCount(number) }
    }

    func readOnce(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError) -> Int {
        let call = call(.read, at: offset, buffer.count)
        return try system.perform(call) { (disk, byteCount) throws(Errno) in
            unsafe try disk.read(
                number, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<byteCount]), at: offset)
        }
    }

    func readIfCached(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError) -> Int? {
        let call = call(.readIfCached, at: offset, buffer.count)
        return try system.perform(call) { (disk, byteCount) throws(Errno) in
            let part = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<byteCount])
            return disk.servesCachedReads ? unsafe try disk.read(number, into: part, at: offset) : nil
        }
    }

    func setDirect(_ isDirect: Bool) -> Bool { isDirect && system.passesCacheBy }

    func writeOnce(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileSystemError) -> Int {
        try system.perform(call(.write, at: offset, bytes.count)) { (disk, byteCount) throws(Errno) in
            unsafe try disk.write(number, UnsafeRawBufferPointer(rebasing: bytes[..<byteCount]), at: offset)
        }
    }

    func reserve(byteCount: Int) throws(FileSystemError) -> Bool {
        try system.perform(call(.reserve, byteCount)) { (disk, _) throws(Errno) in
            try disk.reserve(number, byteCount: byteCount)
        }
    }

    func map(byteCount: Int) throws(FileSystemError) -> Bool {
        try system.perform(call(.map, byteCount)) { (disk, _) throws(Errno) in
            try disk.map(number, byteCount: byteCount)
        }
    }

    func store(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        // The one error is that of a power cut, at which stores do nothing.
        try? system.perform(call(.store, at: offset, bytes.count)) { (disk, byteCount) throws(Errno) in
            unsafe disk.store(number, UnsafeRawBufferPointer(rebasing: bytes[..<byteCount]), at: offset)
        }
    }

    func storeWord(_ word: UInt64, at offset: Int) {
        precondition(offset % 8 == 0, "A word is stored whole.")
        try? system.perform(call(.storeWord, at: offset, 8)) { (disk, _) throws(Errno) in
            unsafe withUnsafeBytes(of: word) { unsafe disk.store(number, $0, at: offset) }
        }
    }

    func populate(_ range: Range<Int>) {
        // The pages hold what they held; a crash may lose that as before.
        try? system.perform(call(.populate, at: range.lowerBound, range.count)) { (_, _) throws(Errno) in }
    }

    func unmap() {
        system.state.withLock { $0.disk.unmap(number) }
    }

    func truncate(toByteCount byteCount: Int) throws(FileSystemError) {
        try system.perform(call(.truncate, byteCount)) { (disk, _) throws(Errno) in
            try disk.truncate(number, toByteCount: byteCount)
        }
    }

    func sync() throws(FileSystemError) {
        try system.perform(call(.sync)) { disk, code in
            // An interrupted sync has not tried to write.
            if code != .interrupted { disk.failSync(number) }
        } _: { (disk, _) throws(Errno) in
            try disk.sync(number)
        }
    }

    func close() {
        system.state.withLock { $0.disk.close(number) }
    }
}

/// The lock of a file of a ``SimulatedFileSystem``; ends with the last reference, as a closed descriptor's does.
final class SimulatedLock: FileLock {
    private let system: SimulatedFileSystem
    private let file: Int
    private let name: String
    private let directory: SimulatedDirectory
    private let isHeld = Lock(true)

    init(_ system: SimulatedFileSystem, file: Int, name: String, in directory: SimulatedDirectory) {
        self.system = system
        self.file = file
        self.name = name
        self.directory = directory
    }

    deinit { unlock() }

    func announce() {
        system.state.withLock { _ = $0.disk.announced.insert(file) }
    }

    func isInPlace() throws(FileSystemError) -> Bool {
        try system.perform(SimulatedCall(operation: .isInPlace, path: directory.path(of: name))) {
            (disk, _) throws(Errno) in disk.node(name, in: directory.number) == .file(file)
        }
    }

    func unlock() {
        let wasHeld = isHeld.withLock { isHeld in
            defer { isHeld = false }
            return isHeld
        }
        guard wasHeld else { return }
        system.state.withLock { state in
            // The disk of a machine without power does not change any more.
            guard !state.plan.isPowerCut else { return }
            state.disk.unlock(file)
        }
    }
}
