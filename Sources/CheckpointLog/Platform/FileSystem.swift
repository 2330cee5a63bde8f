package import SystemPackage

/// The disk, as the engine uses it: the only place where tests replace a part of the engine.
///
/// POSIX in production, simulated in tests. Every change of a disk that recovery must survive is one call of this
/// protocol, of ``OpenDirectory`` or of ``OpenFile``. So a test can make it fail, shorten it, or cut the power at it.
/// Any thread may call. Calls that change one name come from one thread at a time.
package protocol FileSystem: AnyObject, Sendable {
    /// Creates a directory with mode 0700, or as the permissions for writing say. Throws `EEXIST` if anything exists
    /// there.
    func createDirectory(_ path: FilePath) throws(FileSystemError)

    /// Opens the directory at `path`. This call alone follows links.
    func openDirectory(_ path: FilePath) throws(FileSystemError) -> any OpenDirectory

    /// The absolute path, from the current working directory.
    func absolute(_ path: FilePath) -> FilePath

    /// A number that stays the same until the machine starts again; 0 if the system does not provide one.
    var bootIdentifier: UInt64 { get }

    /// Counts of the calls through this value; nil if nothing is counted.
    var counters: DiskCounters? { get }

    /// The most bytes that this process may write to a file, as it was when this value was made; nil if only the disk
    /// limits it.
    var fileByteLimit: Int? { get }

    /// The same disk with counters of its own, for a log that is written.
    ///
    /// - Parameter followsUmask: whether the umask alone decides who may use new directories and files; otherwise only
    ///   their owner may.
    func forWriting(followsUmask: Bool) -> any FileSystem
}

extension FileSystem {
    package var fileByteLimit: Int? { nil }
}

/// One directory, opened once. Every call is about that directory, wherever it is moved, and never about another one
/// that gets its path. Names are of files directly in it. ``close()`` closes it, or the release of the last reference;
/// its files stay open.
package protocol OpenDirectory: AnyObject, Sendable {
    /// Where it was when it was opened, for messages.
    var path: FilePath { get }

    func openFile(_ name: String, _ mode: OpenMode) throws(FileSystemError) -> any OpenFile

    /// Creates a directory that is as open to others as the lock's file. Throws `EEXIST` if anything exists there.
    func createDirectory(_ name: String) throws(FileSystemError)

    /// Opens a directory in this one. Refuses a link to a directory.
    func openDirectory(_ name: String) throws(FileSystemError) -> any OpenDirectory

    func entries() throws(FileSystemError) -> [DirectoryEntry]

    func rename(_ name: String, to newName: String) throws(FileSystemError)

    /// Gives a file a second name, in another directory. Returns false if the two directories cannot share a file: they
    /// are on two disks, or on one without hard links. Throws `EEXIST` if anything has that name.
    func link(_ name: String, to newName: String, in target: any OpenDirectory) throws(FileSystemError) -> Bool

    func remove(_ name: String) throws(FileSystemError)

    /// Makes creations, renames and removals in the directory survive power loss.
    func sync() throws(FileSystemError)

    /// How many calls of ``sync()`` have failed. A later successful one proves nothing about names that were new then:
    /// they may only seem to be on the disk.
    var failedSyncCount: Int { get }

    /// Makes the name of the directory itself survive power loss.
    func syncParent() throws(FileSystemError)

    /// Takes the exclusive lock of the file `name`, creates the file if necessary, and writes into it who holds the
    /// lock. If the file has other content, that is left unchanged. From then on new files in the directory get its
    /// mode.
    func lock(_ name: String) throws(FileSystemError) -> LockOutcome

    /// Whether any process, this one included, holds the lock of `name`. False if there is no such file.
    func isLocked(_ name: String) throws(FileSystemError) -> Bool

    /// Whether any process holds the lock of `name` and has announced that it writes. If the system cannot tell, the
    /// same as ``isLocked(_:)``.
    func isAnnounced(_ name: String) throws(FileSystemError) -> Bool

    /// A number for the file system and the directory in it; a copy or a snapshot has another. 0 if the system does not
    /// provide one.
    var placeIdentifier: UInt64 { get }

    func close()
}

package enum OpenMode: Sendable {
    /// An existing file, only for reading.
    case read
    /// An existing file.
    case readWrite
    /// A new file, with the mode of the lock's file or 0600. Throws `EEXIST` if anything has that name.
    case create
}

package struct DirectoryEntry: Hashable, Sendable {
    package var name: String
    /// False for directories, links, pipes and sockets.
    package var isRegularFile: Bool
    /// False for a link to one.
    package var isDirectory: Bool

    package init(name: String, isRegularFile: Bool, isDirectory: Bool = false) {
        self.name = name
        self.isRegularFile = isRegularFile
        self.isDirectory = isDirectory
    }
}

package enum LockOutcome: Sendable {
    case acquired(any FileLock)
    /// Another holder, if the file says who.
    case held(by: LockHolder?)
}

package protocol FileLock: AnyObject, Sendable {
    /// Tells readers that the holder has stated where its log ends, and writes. In force until ``unlock()`` or the end
    /// of the process.
    func announce()

    /// Whether the locked file is still in the directory under its name. Otherwise the directory was removed, or
    /// somebody else may hold what counts as the lock by now.
    func isInPlace() throws(FileSystemError) -> Bool

    func unlock()
}

/// One open file. ``close()`` closes it, or the release of the last reference.
package protocol OpenFile: AnyObject, Sendable {
    var path: FilePath { get }

    func byteCount() throws(FileSystemError) -> Int

    /// One `pread`. It may return fewer bytes than asked for, and 0 only at the end of the file. It may throw `EINTR`.
    func readOnce(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError) -> Int

    /// One `pread` that returns nil instead of waiting for a device.
    func readIfCached(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError) -> Int?

    /// One `pwrite`. It may write fewer bytes than given, and may throw `EINTR`.
    func writeOnce(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileSystemError) -> Int

    /// One `pwritev`: the same for three pieces of memory, which follow one another in the file.
    func writeOnce(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer,
        at offset: Int
    ) throws(FileSystemError) -> Int

    /// Allocates disk blocks for the first `byteCount` bytes and extends the file to that length with zeros. Returns
    /// false if the file system cannot do that. Throws `ENOSPC`.
    func reserve(byteCount: Int) throws(FileSystemError) -> Bool

    /// Maps the first `byteCount` bytes for ``store(_:at:)``. Returns false if mapped stores are not safe here.
    func map(byteCount: Int) throws(FileSystemError) -> Bool

    /// Copies `bytes` into the mapping. From then on they survive the end of the process.
    func store(_ bytes: UnsafeRawBufferPointer, at offset: Int)

    /// Stores one word, at a multiple of 8, into the mapping: as a whole, and after every store before it.
    func storeWord(_ word: UInt64, at offset: Int)

    /// Makes the whole pages in `range` of the mapping part of the next sync, with what they hold. A hint.
    func populate(_ range: Range<Int>)

    /// Ends the mapping; what was stored stays in the file.
    func unmap()

    /// Sets whether writes bypass the page cache. While they do, memory, offset and length must be multiples of 4,096.
    /// Returns false if the file system cannot do that, or if it makes no difference.
    func setDirect(_ isDirect: Bool) -> Bool

    func truncate(toByteCount byteCount: Int) throws(FileSystemError)

    /// Makes the bytes and the length survive power loss.
    func sync() throws(FileSystemError)

    func close()
}

extension OpenFile {
    /// The default: the file is in memory anyway.
    package func setDirect(_ isDirect: Bool) -> Bool { false }

    /// The default: one piece after the other.
    package func writeOnce(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer,
        at offset: Int
    ) throws(FileSystemError) -> Int { unsafe try writeOnce(first, at: offset) }

    /// Reads until `buffer` is full or the file ends, and returns the number of bytes.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError) -> Int {
        var done = 0
        while done < buffer.count {
            do throws(FileSystemError) {
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
                let count = unsafe try readOnce(into: rest, at: offset + done)
                if count == 0 { break }
                done += count
            } catch  where error.code == .interrupted {
                continue
            }
        }
        return done
    }

    /// Writes all of `bytes`.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileSystemError) {
        var done = 0
        while done < bytes.count {
            do throws(FileSystemError) {
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
                let count = unsafe try writeOnce(rest, at: offset + done)
                // A device that accepts nothing and reports no error would be asked without end.
                guard count > 0 else { throw FileSystemError(.write, path, .ioError) }
                done += count
            } catch  where error.code == .interrupted {
                continue
            }
        }
    }

    /// Writes all of three pieces of memory, one after the other.
    package func write(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer,
        at offset: Int
    ) throws(FileSystemError) {
        var done = 0
        do throws(FileSystemError) {
            done = unsafe try writeOnce(first, second, third, at: offset)
        } catch  where error.code == .interrupted {}
        // Usually everything is written by now. What a signal or a full disk left over is written piece by piece.
        func writeRest(of bytes: UnsafeRawBufferPointer, at start: Int) throws(FileSystemError) {
            let count = min(max(0, done - start), bytes.count)
            unsafe try write(UnsafeRawBufferPointer(rebasing: bytes[count...]), at: offset + start + count)
        }
        unsafe try writeRest(of: first, at: 0)
        unsafe try writeRest(of: second, at: first.count)
        unsafe try writeRest(of: third, at: first.count + second.count)
    }

    /// Reads exactly `range`; nil if the file is shorter.
    package func bytes(_ range: Range<Int>) throws(FileSystemError) -> [UInt8]? {
        var failure: FileSystemError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            let memory = unsafe UnsafeMutableRawBufferPointer(
                rebasing: UnsafeMutableRawBufferPointer(buffer)[..<range.count])
            unsafe LargePages.want(memory)
            do throws(FileSystemError) {
                count = unsafe try read(into: memory, at: range.lowerBound)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes.count == range.count ? bytes : nil
    }

    package func write(_ bytes: [UInt8], at offset: Int) throws(FileSystemError) {
        var failure: FileSystemError?
        unsafe bytes.withUnsafeBytes { buffer in
            do throws(FileSystemError) {
                unsafe try write(buffer, at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}

/// The directory of a log that has none; no name exists in it.
package final class AbsentDirectory: OpenDirectory {
    package let path: FilePath = ""
    package let placeIdentifier: UInt64 = 0

    package init() {}

    private func absent(_ operation: FileSystemError.Operation) -> FileSystemError {
        FileSystemError(operation, path, .noSuchFileOrDirectory)
    }

    package func openFile(_ name: String, _ mode: OpenMode) throws(FileSystemError) -> any OpenFile {
        throw absent(.open)
    }
    package func createDirectory(_ name: String) throws(FileSystemError) { throw absent(.createDirectory) }
    package func openDirectory(_ name: String) throws(FileSystemError) -> any OpenDirectory { throw absent(.open) }
    package func entries() throws(FileSystemError) -> [DirectoryEntry] { throw absent(.list) }
    package func rename(_ name: String, to newName: String) throws(FileSystemError) { throw absent(.rename) }
    package func link(
        _ name: String, to newName: String, in target: any OpenDirectory
    ) throws(FileSystemError) -> Bool { throw absent(.link) }
    package func remove(_ name: String) throws(FileSystemError) { throw absent(.remove) }
    package func sync() throws(FileSystemError) { throw absent(.syncDirectory) }

    package var failedSyncCount: Int { 0 }
    package func syncParent() throws(FileSystemError) { throw absent(.syncDirectory) }
    package func lock(_ name: String) throws(FileSystemError) -> LockOutcome { throw absent(.lock) }
    package func isLocked(_ name: String) throws(FileSystemError) -> Bool { false }
    package func isAnnounced(_ name: String) throws(FileSystemError) -> Bool { false }
    package func close() {}
}
