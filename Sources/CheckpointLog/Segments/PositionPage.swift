import SystemPackage

/// How far the log is written and synced, in one page that is stored into after every append. FORMAT.md, "POSITION".
///
/// Stale is normal, wrong is not: each word is stored after the fact it states. What recovery reads here decides between a
/// torn tail and damage, and nothing else.
package final class PositionPage: Sendable {
    package static let byteCount = 4_096
    private static let magic: [UInt8] = Array("CKPTPOS\n".utf8)
    private static let headByteCount = 32
    /// FORMAT.md, "Limits".
    private static let segmentByteLimit = 64 << 20
    private static let bootOffset = 64
    private static let writtenOffset = 128
    private static let syncedOffset = 192
    private static let generationOffset = 256
    private static let placeOffset = 320

    /// What the page said when it was read.
    package struct Content: Sendable, Equatable {
        /// The boot under which the positions were stored; 0 when an opening was cut short.
        package var boot: UInt64
        package var written: LogPosition?
        package var synced: LogPosition?
        /// The generation of a manifest that was in force; later ones may have followed.
        package var generation: ManifestGeneration?
        /// Whether the positions were stored since the machine started, and where the log is now. Then what was written is in the files,
        /// be it only in memory; otherwise a power cut may have come between, or the files are a copy or a snapshot of some moment.
        package var isSameBoot: Bool
        /// False when a word's check bits are wrong, its position is impossible, or a reserved byte is not zero.
        package var isSound: Bool

        /// The content without what no writer of this log can have stated: a place that a segment does not have, and a segment whose number
        /// was never given out. Eight check bits let one wrong word of 256 through.
        ///
        /// - Parameter manifest: the one in force; a writer at work may have replaced it since.
        package func possible(in manifest: Manifest) -> Content {
            func isPossible(_ position: LogPosition) -> Bool {
                (SegmentHeader.byteCount...segmentByteLimit).contains(Int(position.offset))
                    && (1..<max(manifest.nextSegment, 1)).contains(position.segment)
            }
            var content = self
            #if PLANTED_BUGS
            if PlantedBug.impossiblePositionBelieved.isPlanted { return self }
            #endif
            if let written, !isPossible(written) { (content.written, content.isSound) = (nil, false) }
            if let synced, !isPossible(synced) { (content.synced, content.isSound) = (nil, false) }
            return content
        }
    }

    private let file: any OpenFile
    private let directory: any OpenDirectory
    private let isMapped: Bool

    /// Opens the page that is there; `mapping` where the file system maps.
    private init(_ directory: any OpenDirectory, mapping: Bool) throws(FileSystemError) {
        self.directory = directory
        file = try directory.openFile(FileName.position, .readWrite)
        isMapped = mapping ? try file.map(byteCount: Self.byteCount) : false
    }

    /// Reads the page; nil when there is none, or it is not this log's.
    package static func read(_ identity: LogIdentity) throws(FileSystemError) -> Content? {
        let file: any OpenFile
        do throws(FileSystemError) {
            file = try identity.directory.openFile(FileName.position, .read)
        } catch  where error.code == .noSuchFileOrDirectory {
            return nil
        }
        defer { file.close() }
        guard let bytes = try file.bytes(0..<byteCount), bytes.starts(with: head(of: identity)) else { return nil }
        var words: [UInt64] = []
        for offset in [bootOffset, writtenOffset, syncedOffset, generationOffset, placeOffset] {
            var cursor = ByteCursor(bytes, from: offset)
            words.append(cursor.integer(UInt64.self) ?? 0)
        }
        #if PLANTED_BUGS
        if PlantedBug.anyBootTrusted.isPlanted { words[0] = identity.fileSystem.bootIdentifier }
        if PlantedBug.noBootTrusted.isPlanted { words[0] = 0 }
        if PlantedBug.placeIgnored.isPlanted { words[4] = place(identity) }
        #endif
        let isSameBoot =
            words[0] != 0 && words[0] == identity.fileSystem.bootIdentifier && words[4] != 0
            && words[4] == place(identity)
        let written = LogPosition(word: words[1])
        let synced = LogPosition(word: words[2])
        let generation = ManifestGeneration(word: words[3])
        let isSound =
            (words[1] == 0 || written != nil) && (words[2] == 0 || synced != nil)
            && (words[3] == 0 || generation != nil) && reservedBytesAreZero(bytes)
        return Content(
            boot: words[0], written: written, synced: synced, generation: generation, isSameBoot: isSameBoot,
            isSound: isSound)
    }

    private static func place(_ identity: LogIdentity) -> UInt64 {
        identity.directory.placeIdentifier
    }

    private static func reservedBytesAreZero(_ bytes: [UInt8]) -> Bool {
        let words = [bootOffset, writtenOffset, syncedOffset, generationOffset, placeOffset]
        let starts = [headByteCount] + words.map { $0 + 8 }
        let ends = words + [byteCount]
        return unsafe bytes.withUnsafeBytes { bytes in
            zip(starts, ends).allSatisfy { bytes.isZero(in: $0..<$1) }
        }
    }

    /// Makes the page of a writer that begins at `start`, all before which is synced, under the manifest of `generation`.
    ///
    /// The page that is there is replaced, never written to: its file may have a second name, in a backup made of hard links.
    package static func make(
        _ identity: LogIdentity, start: LogPosition, generation: UInt64, mapping: Bool
    ) throws(FileSystemError) -> PositionPage {
        let content = content(identity, start, generation)
        // An older page in its place says less, and that is normal; none at all would be missed.
        let isThere = try read(identity)?.isSound == true
        #if PLANTED_BUGS
        if PlantedBug.positionWrittenInPlace.isPlanted, isThere {
            try identity.directory.openFile(FileName.position, .readWrite).write(content, at: 0)
            return try PositionPage(identity.directory, mapping: mapping)
        }
        #endif
        try identity.directory.replace(FileName.position, with: content, syncsName: !isThere)
        return try PositionPage(identity.directory, mapping: mapping)
    }

    private static func content(_ identity: LogIdentity, _ start: LogPosition, _ generation: UInt64) -> [UInt8] {
        var bytes = head(of: identity)
        let words = [
            (bootOffset, identity.fileSystem.bootIdentifier), (writtenOffset, start.word), (syncedOffset, start.word),
            (generationOffset, ManifestGeneration(generation)?.word ?? 0), (placeOffset, place(identity)),
        ]
        for (offset, word) in words {
            bytes.append(contentsOf: [UInt8](repeating: 0, count: offset - bytes.count))
            bytes.append(littleEndian: word)
        }
        return bytes + [UInt8](repeating: 0, count: byteCount - bytes.count)
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

    /// States that the files may have lost what was written to them, as after a failed sync, when the system takes pages for clean that
    /// never reached the disk: the written position is not believed by the next opening. As far as it can be stated: the disk is failing.
    package func distrustWritten() {
        #if PLANTED_BUGS
        if PlantedBug.writtenBelievedAfterFailure.isPlanted { return }
        #endif
        do throws(FileSystemError) {
            // Not by a store: the page may be closed by the time that a late sync fails.
            try file.write([UInt8](repeating: 0, count: 8), at: Self.bootOffset)
            try file.sync()
            // The page of the opening before, which would be believed, must not come back in the place of this one.
            try directory.sync()
        } catch {
            // The failure that this is about is thrown to whoever writes.
        }
    }

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
