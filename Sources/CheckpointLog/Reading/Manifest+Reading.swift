import SystemPackage

extension Manifest {
    /// An upper bound of the bytes of a manifest.
    private static let fileByteLimit = 128 << 20

    /// Reads the manifest of the log at `directory`; nil if there is none.
    ///
    /// - Throws: `.damaged` if the file is not exactly one manifest, `.unsupportedFormat`, `.ioFailure`.
    package static func read(in directory: any OpenDirectory) throws -> Manifest? {
        let path = directory.path.appending(FileName.manifest)
        let file: any OpenFile
        do throws(FileSystemError) {
            file = try directory.openFile(FileName.manifest, .read)
        } catch  where error.code == .noSuchFileOrDirectory {
            return nil
        } catch {
            throw CheckpointLogError(error)
        }
        defer { file.close() }
        let byteCount = try wrapping { () throws(FileSystemError) in try file.byteCount() }
        guard byteCount <= fileByteLimit,
            let bytes = try wrapping({ () throws(FileSystemError) in try file.bytes(0..<byteCount) }),
            let manifest = try Manifest(bytes, path: path.string)
        else {
            throw CheckpointLogError.damaged(
                "The manifest is damaged, so which segments belong to the log is not known; open the log read-only for "
                    + "salvage.", path: path.string)
        }
        return manifest
    }

    /// What distinguishes one manifest from another, also from one that was put back from a backup.
    package struct Stamp: Sendable, Equatable {
        package var generation: UInt64
        package var openingWord: UInt64
    }

    package var stamp: Stamp { Stamp(generation: generation, openingWord: openings.first ?? 0) }

    /// The stamp of the manifest in `directory`, without a check. It shows that the manifest was replaced, and nothing
    /// else. Nil if there is no manifest.
    package static func stamp(in directory: any OpenDirectory) throws(FileSystemError) -> Stamp? {
        let file: any OpenFile
        do throws(FileSystemError) {
            file = try directory.openFile(FileName.manifest, .read)
        } catch  where error.code == .noSuchFileOrDirectory {
            return nil
        }
        defer { file.close() }
        guard let bytes = try file.bytes(stampRange) else { return nil }
        var (first, last) = (ByteCursor(bytes), ByteCursor(bytes, from: stampRange.count - 8))
        guard let generation = first.integer(UInt64.self), let word = last.integer(UInt64.self) else { return nil }
        return Stamp(generation: generation, openingWord: word)
    }
}
