import SystemPackage

/// The log's POSITION. Each append stores into it; ``PositionStatement`` reads it.
package final class PositionPage: Sendable {
    private let file: any OpenFile
    private let directory: any OpenDirectory
    private let isMapped: Bool

    /// Opens the page that is there; `mapping` where the file system maps.
    private init(_ directory: any OpenDirectory, mapping: Bool) throws(FileSystemError) {
        self.directory = directory
        file = try directory.openFile(FileName.position, .readWrite)
        isMapped = mapping ? try file.map(byteCount: PositionStatement.byteCount) : false
    }

    /// Creates the page of a writer that begins at `start`, under the manifest of `generation`. Everything before
    /// `start` is synced.
    ///
    /// It replaces an existing page and never writes to it: a backup of hard links may be a second name of that file.
    ///
    /// - Parameter replacesSound: whether this log has an intact page. If a power cut brings that page back, it says
    ///   less, which is normal. If there is none, its absence after a power cut would look like damage.
    package static func make(
        _ identity: LogIdentity, start: LogPosition, generation: UInt64, replacesSound: Bool, mapping: Bool
    ) throws(FileSystemError) -> PositionPage {
        let content = PositionStatement.bytes(
            of: identity.identifier, boot: identity.fileSystem.bootIdentifier,
            place: identity.directory.placeIdentifier, start: start, generation: generation)
        try identity.directory.replace(FileName.position, with: content, syncsName: !replacesSound)
        return try PositionPage(identity.directory, mapping: mapping)
    }

    package func setWritten(_ position: LogPosition) throws(FileSystemError) {
        try set(position.word, at: .written)
    }

    package func setSynced(_ position: LogPosition) throws(FileSystemError) {
        try set(position.word, at: .synced)
    }

    /// States that the manifest of `generation` is in force and survives power loss.
    package func setGeneration(_ generation: UInt64) throws(FileSystemError) {
        try set(ManifestGeneration(generation)?.word ?? 0, at: .generation)
    }

    /// States that the files may have lost what was written to them, as after a failed sync, when the system takes
    /// pages for clean that never reached the disk: the written position is not believed by the next opening. As far as
    /// it can be stated: the disk is failing.
    package func distrustWritten() {
        do throws(FileSystemError) {
            // With a write, not a store: the page may be closed when a late sync fails.
            try file.write([UInt8](repeating: 0, count: 8), at: PositionStatement.Word.boot.rawValue)
            try file.sync()
            // The page of the previous opening must not come back in place of this one: a reader would trust it.
            try directory.sync()
        } catch {
            // The writer throws the failure that led here.
        }
    }

    package func close() { file.close() }

    @inline(__always)
    private func set(_ value: UInt64, at word: PositionStatement.Word) throws(FileSystemError) {
        if isMapped {
            file.storeWord(value.littleEndian, at: word.rawValue)
        } else {
            var bytes: [UInt8] = []
            bytes.append(littleEndian: value)
            try file.write(bytes, at: word.rawValue)
        }
    }
}
