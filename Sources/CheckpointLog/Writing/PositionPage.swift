import SystemPackage

/// The log's POSITION, stored into after every append; ``PositionStatement`` reads it.
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

    /// Makes the page of a writer that begins at `start`, all before which is synced, under the manifest of
    /// `generation`.
    ///
    /// The page that is there is replaced, never written to: its file may have a second name, in a backup made of hard
    /// links.
    ///
    /// - Parameter replacesSound: whether a sound page of this log is there. It says less, and that is normal, should a
    ///   power cut bring it back; none at all would be missed.
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
            // Not by a store: the page may be closed by the time that a late sync fails.
            try file.write([UInt8](repeating: 0, count: 8), at: PositionStatement.Word.boot.rawValue)
            try file.sync()
            // The page of the opening before, which would be believed, must not come back in the place of this one.
            try directory.sync()
        } catch {
            // The failure that this is about is thrown to whoever writes.
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
