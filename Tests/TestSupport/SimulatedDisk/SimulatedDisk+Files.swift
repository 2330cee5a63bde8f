import CheckpointLog
import SystemPackage

/// The calls on open files. A number that ``close(_:)`` has retired is answered as a closed descriptor is.
extension SimulatedDisk {
    mutating func open(_ name: String, in directory: Int, _ mode: OpenMode) throws(Errno) -> Int {
        let file =
            if case .create = mode { try createFile(name, in: directory) } else { try file(name, in: directory) }
        let number = makeNumber()
        handles[number] = Handle(file: file, mode: mode)
        return number
    }

    mutating func close(_ number: Int) {
        guard let handle = handles.removeValue(forKey: number) else { return }
        if files[handle.file]?.linkCount == 0 { collectFiles() }
    }

    private func handle(_ number: Int) throws(Errno) -> Handle {
        guard let handle = handles[number] else { throw .badFileDescriptor }
        return handle
    }

    /// The length and number of blocks of a file. A copy of the file itself would make the write after it copy, too.
    private func size(_ file: Int) -> (byteCount: Int, blockCount: Int) {
        (files[file]?.written.byteCount ?? 0, files[file]?.written.blockCount ?? 0)
    }

    func byteCount(_ number: Int) throws(Errno) -> Int {
        size(try handle(number).file).byteCount
    }

    func read(_ number: Int, into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(Errno) -> Int {
        let file = try handle(number).file
        guard offset >= 0 else { throw .invalidArgument }
        return unsafe files[file]?.written.read(into: buffer, at: offset) ?? 0
    }

    mutating func write(_ number: Int, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(Errno) -> Int {
        let handle = try handle(number)
        guard handle.isWritable else { throw .badFileDescriptor }
        guard offset >= 0 else { throw .invalidArgument }
        guard bytes.count > 0 else { return 0 }
        guard offset < Self.fileByteLimit, bytes.count <= Self.fileByteLimit - offset else { throw .fileTooLarge }
        // A full disk takes what still fits; the call after that fails.
        let end = growth(from: size(handle.file).blockCount, towards: offset + bytes.count)
        let count = min(bytes.count, end - offset)
        guard count > 0 else { throw .noSpace }
        let taken = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<count])
        unsafe files[handle.file]?.write(taken, at: offset, &generator)
        return count
    }

    mutating func reserve(_ number: Int, byteCount: Int) throws(Errno) -> Bool {
        let handle = try handle(number)
        guard handle.isWritable else { throw .badFileDescriptor }
        guard byteCount > 0 else { throw .invalidArgument }
        guard byteCount <= Self.fileByteLimit else { throw .fileTooLarge }
        let size = size(handle.file)
        guard byteCount > size.byteCount else { return true }
        // `fallocate` on a nearly full ext4 leaves the file as long as it got.
        let reached = growth(from: size.blockCount, towards: byteCount)
        files[handle.file]?.resize(to: max(reached, size.byteCount), &generator)
        guard reached == byteCount else { throw .noSpace }
        return true
    }

    mutating func truncate(_ number: Int, toByteCount byteCount: Int) throws(Errno) {
        let handle = try handle(number)
        guard handle.isWritable, byteCount >= 0 else { throw .invalidArgument }
        guard byteCount <= Self.fileByteLimit else { throw .fileTooLarge }
        guard growth(from: size(handle.file).blockCount, towards: byteCount) == byteCount else { throw .noSpace }
        files[handle.file]?.resize(to: byteCount, &generator)
    }

    mutating func sync(_ number: Int) throws(Errno) {
        files[try handle(number).file]?.sync()
    }

    mutating func failSync(_ number: Int) {
        guard let file = handles[number]?.file else { return }
        files[file]?.failSync(failedSyncBehavior)
    }

    mutating func map(_ number: Int, byteCount: Int) throws(Errno) -> Bool {
        guard mapping == .allowed, try handle(number).isWritable, byteCount > 0 else { return false }
        handles[number]?.mappedByteCount = byteCount
        return true
    }

    mutating func unmap(_ number: Int) {
        handles[number]?.mappedByteCount = nil
    }

    /// Traps where the real thing would, too.
    mutating func store(_ number: Int, _ bytes: UnsafeRawBufferPointer, at offset: Int) {
        guard let handle = handles[number], let mapped = handle.mappedByteCount else {
            preconditionFailure("A store needs a mapping.")
        }
        precondition(offset >= 0 && offset + bytes.count <= mapped, "A store stays in its mapping.")
        let end = size(handle.file).byteCount
        precondition(offset + bytes.count <= end, "A store past the end of the file ends the process (SIGBUS).")
        unsafe files[handle.file]?.write(bytes, at: offset, &generator)
    }
}

// MARK: Locks

extension SimulatedDisk {
    /// The file whose lock was taken, or who holds it.
    mutating func lock(
        _ name: String, in directory: Int, by process: LockHolder
    ) throws(Errno) -> (file: Int?, holder: LockHolder?) {
        let file =
            switch node(name, in: directory) {
            case .file(let number): number
            case .directory: throw .isDirectory
            case nil: try createFile(name, in: directory)
            }
        if let holder = locks[file] { return (nil, holder) }
        locks[file] = process
        writeHolder(process.bytes, to: file)
        return (file, nil)
    }

    mutating func unlock(_ file: Int) {
        guard locks.removeValue(forKey: file) != nil else { return }
        announced.remove(file)
        writeHolder([], to: file)
    }

    private mutating func writeHolder(_ bytes: [UInt8], to file: Int) {
        files[file]?.resize(to: 0, &generator)
        unsafe bytes.withUnsafeBytes { unsafe files[file]?.write($0, at: 0, &generator) }
    }

    func isLocked(_ name: String, in directory: Int) -> Bool {
        guard case .file(let file)? = node(name, in: directory) else { return false }
        return locks[file] != nil
    }

    func isAnnounced(_ name: String, in directory: Int) -> Bool {
        guard case .file(let file)? = node(name, in: directory) else { return false }
        return announced.contains(file)
    }
}
