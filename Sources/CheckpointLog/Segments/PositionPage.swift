import SystemPackage

/// How far the log is written and synced, in one page that is stored into after every append. FORMAT.md, "POSITION".
///
/// Stale is normal, wrong is not: each word is stored after the fact it states. What recovery reads here decides between a
/// torn tail and damage, and nothing else.
package final class PositionPage: Sendable {
    package static let byteCount = 4_096
    private static let magic: [UInt8] = Array("CKPTPOS\n".utf8)
    private static let headByteCount = 32
    private static let bootOffset = 64
    private static let writtenOffset = 128
    private static let syncedOffset = 192
    private static let generationOffset = 256

    /// What the page said when it was read.
    package struct Content: Sendable, Equatable {
        /// The boot under which the positions were stored; 0 when an opening was cut short.
        package var boot: UInt64
        package var written: LogPosition?
        package var synced: LogPosition?
        /// The generation of a manifest that was in force; later ones may have followed.
        package var generation: ManifestGeneration?
        /// False when a word's check bits are wrong, or a reserved byte is not zero.
        package var isSound: Bool
    }

    private let file: any OpenFile
    private let isMapped: Bool

    private init(_ file: any OpenFile, isMapped: Bool) {
        self.file = file
        self.isMapped = isMapped
    }

    /// Reads the page; nil when there is none, or it is not this log's.
    package static func read(_ identity: LogIdentity) throws(FileSystemError) -> Content? {
        let file: any OpenFile
        do throws(FileSystemError) {
            file = try identity.fileSystem.openFile(identity.path(FileName.position), .read)
        } catch  where error.code == .noSuchFileOrDirectory {
            return nil
        }
        defer { file.close() }
        guard let bytes = try file.bytes(0..<byteCount), bytes.starts(with: head(of: identity)) else { return nil }
        var words: [UInt64] = []
        for offset in [bootOffset, writtenOffset, syncedOffset, generationOffset] {
            var cursor = ByteCursor(bytes, from: offset)
            words.append(cursor.integer(UInt64.self) ?? 0)
        }
        #if PLANTED_BUGS
        if PlantedBug.anyBootTrusted.isPlanted { words[0] = identity.fileSystem.bootIdentifier }
        if PlantedBug.noBootTrusted.isPlanted { words[0] = 0 }
        #endif
        let written = LogPosition(word: words[1])
        let synced = LogPosition(word: words[2])
        let generation = ManifestGeneration(word: words[3])
        let isSound =
            (words[1] == 0 || written != nil) && (words[2] == 0 || synced != nil)
            && (words[3] == 0 || generation != nil) && reservedBytesAreZero(bytes)
        return Content(
            boot: words[0], written: written, synced: synced, generation: generation, isSound: isSound)
    }

    private static func reservedBytesAreZero(_ bytes: [UInt8]) -> Bool {
        let starts = [headByteCount, bootOffset + 8, writtenOffset + 8, syncedOffset + 8, generationOffset + 8]
        let ends = [bootOffset, writtenOffset, syncedOffset, generationOffset, byteCount]
        return unsafe bytes.withUnsafeBytes { bytes in
            zip(starts, ends).allSatisfy { bytes.isZero(in: $0..<$1) }
        }
    }

    /// Opens the page for a writer that begins at `start`, all before which is synced, under the manifest of `generation`; makes it
    /// when it is missing or not sound.
    package static func open(
        _ identity: LogIdentity, start: LogPosition, generation: UInt64, mapping: Bool
    ) throws(FileSystemError) -> PositionPage {
        let path = identity.path(FileName.position)
        if try read(identity)?.isSound != true {
            var bytes = head(of: identity)
            bytes.append(contentsOf: [UInt8](repeating: 0, count: byteCount - bytes.count))
            try ManifestFile.replace(path, with: bytes, in: identity.fileSystem)
        }
        let file = try identity.fileSystem.openFile(path, .readWrite)
        var isMapped = false
        if mapping { isMapped = try file.map(byteCount: byteCount) }
        let page = PositionPage(file, isMapped: isMapped)
        // Without a boot the positions say nothing, so they are never read half changed.
        try page.set(0, at: bootOffset)
        try page.set(start.word, at: writtenOffset)
        try page.set(start.word, at: syncedOffset)
        try page.set(identity.fileSystem.bootIdentifier, at: bootOffset)
        try page.setGeneration(generation)
        try file.sync()
        return page
    }

    package func setWritten(_ position: LogPosition) throws(FileSystemError) {
        try set(position.word, at: Self.writtenOffset)
    }

    package func setSynced(_ position: LogPosition) throws(FileSystemError) {
        try set(position.word, at: Self.syncedOffset)
    }

    /// States that the manifest of `generation` is in force and survives power loss.
    package func setGeneration(_ generation: UInt64) throws(FileSystemError) {
        try set(ManifestGeneration(generation)?.word ?? 0, at: Self.generationOffset)
    }

    package func sync() throws(FileSystemError) { try file.sync() }

    package func close() { file.close() }

    @inline(__always)
    private func set(_ word: UInt64, at offset: Int) throws(FileSystemError) {
        if isMapped {
            file.storeWord(word.littleEndian, at: offset)
        } else {
            var bytes: [UInt8] = []
            bytes.append(littleEndian: word)
            try file.write(bytes, at: offset)
        }
    }

    /// Magic, checksum, version, log: the part that never changes.
    private static func head(of identity: LogIdentity) -> [UInt8] {
        var rest: [UInt8] = []
        rest.append(littleEndian: FormatVersion.current)
        rest.append(littleEndian: UInt16(0))
        rest.append(littleEndian: identity.identifier.high)
        rest.append(littleEndian: identity.identifier.low)
        var bytes = magic
        bytes.append(littleEndian: Checksum.mask(Checksum.of(rest)))
        return bytes + rest
    }
}
