package import SystemPackage

/// The disk, as the engine sees it: the one seam of the project.
///
/// POSIX in production, simulated in tests. Every change of a disk that recovery must survive is one call of this
/// protocol, of ``OpenDirectory`` or of ``OpenFile``, so that a test can fail it, shorten it, or cut the power at it.
/// Calls may be made from any thread; calls on one name that change it are made by one thread at a time.
package protocol FileSystem: AnyObject, Sendable {
    /// Makes a directory with mode 0700, or as the permissions for writing say. Throws `EEXIST` when anything is there
    /// already.
    func createDirectory(_ path: FilePath) throws(FileSystemError)

    /// Finds the directory at `path`, links followed, this once.
    func openDirectory(_ path: FilePath) throws(FileSystemError) -> any OpenDirectory

    /// The path from the root, by the directory that the process works in now.
    func absolute(_ path: FilePath) -> FilePath

    /// A number that is the same until the machine starts again; 0 if the system does not tell.
    var bootIdentifier: UInt64 { get }

    /// Counts of what was asked of the disk through this value; nil if nothing is counted.
    var counters: DiskCounters? { get }

    /// The length in bytes that this process may give a file; nil if only the disk says. As it was when the value
    /// was made.
    var fileByteLimit: Int? { get }

    /// The same disk with counters of its own, for a log that is written.
    ///
    /// - Parameter followsUmask: whether the directories and files that it makes are open to whomever the umask does
    ///   not keep out, rather than to their owner alone.
    func forWriting(followsUmask: Bool) -> any FileSystem
}

extension FileSystem {
    package var fileByteLimit: Int? { nil }
}

/// One directory, found once: every call is about that directory, wherever it has been moved since, and never about
/// another that has come to its path. Names are of files directly in it. Closed by ``close()``, or when the last
/// reference goes; files stay open.
package protocol OpenDirectory: AnyObject, Sendable {
    /// Where it was found, for messages.
    var path: FilePath { get }

    func openFile(_ name: String, _ mode: OpenMode) throws(FileSystemError) -> any OpenFile

    /// Makes a directory that is as open to others as the lock's file. Throws `EEXIST` when anything is there already.
    func createDirectory(_ name: String) throws(FileSystemError)

    /// A directory in this one; a link to one is refused.
    func openDirectory(_ name: String) throws(FileSystemError) -> any OpenDirectory

    func entries() throws(FileSystemError) -> [DirectoryEntry]

    func rename(_ name: String, to newName: String) throws(FileSystemError)

    /// Gives a file a second name, in another directory. False if these two cannot share one: on two disks, or on
    /// one that has no second names. Throws `EEXIST` when anything is there already.
    func link(_ name: String, to newName: String, in target: any OpenDirectory) throws(FileSystemError) -> Bool

    func remove(_ name: String) throws(FileSystemError)

    /// Makes creations, renames and removals in the directory survive power loss.
    func sync() throws(FileSystemError)

    /// How many calls of ``sync()`` have failed. A later one that succeeds says nothing of the names that were new by
    /// then: they may look as if they were on the disk.
    var failedSyncCount: Int { get }

    /// Makes the name of the directory itself survive power loss.
    func syncParent() throws(FileSystemError)

    /// Takes the exclusive lock that the file `name` stands for, creating it, and writes into it who holds it. A file
    /// that holds anything else is locked as it is. From then on new files of the directory have its mode.
    func lock(_ name: String) throws(FileSystemError) -> LockOutcome

    /// Whether anyone, this process included, holds the lock of `name`. False when there is no such file.
    func isLocked(_ name: String) throws(FileSystemError) -> Bool

    /// Whether anyone holds the lock of `name` and has announced that it writes; where the system cannot tell, as
    /// ``isLocked(_:)``.
    func isAnnounced(_ name: String) throws(FileSystemError) -> Bool

    /// A number that stands for the file system and for the directory there: a copy or a snapshot of it has another. 0
    /// where the system does not tell.
    var placeIdentifier: UInt64 { get }

    func close()
}

package enum OpenMode: Sendable {
    /// An existing file, for reading only.
    case read
    /// An existing file.
    case readWrite
    /// A new file, with the mode of the lock's file or 0600; throws `EEXIST` when anything is there already.
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
    /// Who holds the lock, where the file tells it.
    case held(by: LockHolder?)
}

package protocol FileLock: AnyObject, Sendable {
    /// Tells readers, until ``unlock()`` or the end of the process, that the holder has stated where its log ends, and
    /// writes.
    func announce()

    /// Whether the locked file still stands in the directory under its name. If not, the directory was removed, or
    /// somebody else can hold what counts as the lock there by now.
    func isInPlace() throws(FileSystemError) -> Bool

    func unlock()
}

/// One open file. Closed by ``close()``, or when the last reference goes.
package protocol OpenFile: AnyObject, Sendable {
    var path: FilePath { get }

    func byteCount() throws(FileSystemError) -> Int

    /// One `pread`: may give fewer bytes than asked for, and 0 only at the end of the file. May throw `EINTR`.
    func readOnce(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError) -> Int

    /// One `pread` that gives nil rather than wait for a device.
    func readIfCached(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError) -> Int?

    /// One `pwrite`: may take fewer bytes than given, and may throw `EINTR`.
    func writeOnce(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileSystemError) -> Int

    /// One `pwritev`: the same for three stretches of memory that follow one another in the file.
    func writeOnce(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer,
        at offset: Int
    ) throws(FileSystemError) -> Int

    /// Allocates disk blocks for the first `byteCount` bytes and extends the file to them with zeros. False if the
    /// file system cannot; `ENOSPC` is thrown.
    func reserve(byteCount: Int) throws(FileSystemError) -> Bool

    /// Maps the first `byteCount` bytes for ``store(_:at:)``. False if mapped stores are not safe here.
    func map(byteCount: Int) throws(FileSystemError) -> Bool

    /// Copies `bytes` into the mapping. They survive the process at once.
    func store(_ bytes: UnsafeRawBufferPointer, at offset: Int)

    /// Stores one 8-aligned word into the mapping, whole, after every store before it.
    func storeWord(_ word: UInt64, at offset: Int)

    /// Ends the mapping; what was stored stays.
    func unmap()

    /// Lets writes pass the page cache by, or not. While they do, memory, offset and length are multiples of 4,096.
    /// False if the file system cannot, or need not be asked.
    func setDirect(_ isDirect: Bool) -> Bool

    func truncate(toByteCount byteCount: Int) throws(FileSystemError)

    /// Makes the bytes and the length survive power loss.
    func sync() throws(FileSystemError)

    func close()
}

extension OpenFile {
    /// A file that is in memory anyway.
    package func setDirect(_ isDirect: Bool) -> Bool { false }

    /// A file that takes one stretch at a time.
    package func writeOnce(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer,
        at offset: Int
    ) throws(FileSystemError) -> Int { unsafe try writeOnce(first, at: offset) }

    /// Reads until `buffer` is full or the file ends, and gives the number of bytes read.
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
                // A device that takes nothing and reports nothing would be asked for ever.
                guard count > 0 else { throw FileSystemError(.write, path, .ioError) }
                done += count
            } catch  where error.code == .interrupted {
                continue
            }
        }
    }

    /// Writes all of three stretches of memory, one after the other.
    package func write(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer,
        at offset: Int
    ) throws(FileSystemError) {
        var done = 0
        do throws(FileSystemError) {
            done = unsafe try writeOnce(first, second, third, at: offset)
        } catch  where error.code == .interrupted {}
        // Nearly always that was all. What a signal or a disk that became full left over goes piece by piece.
        func writeRest(of bytes: UnsafeRawBufferPointer, at start: Int) throws(FileSystemError) {
            let count = min(max(0, done - start), bytes.count)
            unsafe try write(UnsafeRawBufferPointer(rebasing: bytes[count...]), at: offset + start + count)
        }
        unsafe try writeRest(of: first, at: 0)
        unsafe try writeRest(of: second, at: first.count)
        unsafe try writeRest(of: third, at: first.count + second.count)
    }

    /// Reads exactly `range`; nil when the file ends before.
    package func bytes(_ range: Range<Int>) throws(FileSystemError) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: range.count)
        var failure: FileSystemError?
        let count = unsafe bytes.withUnsafeMutableBytes { buffer in
            do throws(FileSystemError) {
                return unsafe try read(into: buffer, at: range.lowerBound)
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return count == range.count ? bytes : nil
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

/// The directory of what has none: nothing is there.
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
