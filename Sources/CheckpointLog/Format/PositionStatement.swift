/// How far the log is written and synced, as its file POSITION states it: one page. FORMAT.md, "POSITION".
///
/// A statement may be outdated, but it is never too early: the writer stores each word after the fact. Recovery uses it
/// only to decide between a torn tail and damage.
package struct PositionStatement: Sendable, Equatable {
    package static let byteCount = 4_096
    private static let magic: [UInt8] = Array("CKPTPOS\n".utf8)
    private static let headByteCount = 32
    /// FORMAT.md, "Limits".
    private static let segmentByteLimit = 64 << 20

    /// The words of the page, by their offsets.
    package enum Word: Int, CaseIterable {
        case boot = 64
        case written = 128
        case synced = 192
        case generation = 256
        case place = 320
    }

    /// The boot under which the positions were stored; 0 if an opening was cut short.
    package var boot: UInt64
    package var written: LogPosition?
    package var synced: LogPosition?
    /// The generation of a manifest that was in force; later ones may have followed.
    package var generation: ManifestGeneration?
    /// Whether the positions were stored since the machine started, in the place where the log is now. Then everything
    /// written is in the files, or at least in the page cache. Otherwise the power may have been cut in between, or the
    /// files are a copy or a snapshot of some moment.
    package var isSameBoot: Bool
    /// False if a word has wrong check bits, if its position is impossible, or if a reserved byte is not zero.
    package var isSound: Bool

    /// Reads a page; nil if it is not one of this log.
    ///
    /// - Parameters:
    ///   - boot: the boot of the running machine.
    ///   - place: where the log is now.
    package init?(_ bytes: [UInt8], of log: LogIdentifier, boot: UInt64, place: UInt64) {
        guard bytes.count == Self.byteCount, bytes.starts(with: Self.head(of: log)) else { return nil }
        func word(_ word: Word) -> UInt64 {
            var cursor = ByteCursor(bytes, from: word.rawValue)
            return cursor.integer(UInt64.self) ?? 0
        }
        let statedBoot = word(.boot)
        let statedPlace = word(.place)
        self.boot = statedBoot
        isSameBoot = statedBoot != 0 && statedBoot == boot && statedPlace != 0 && statedPlace == place
        written = LogPosition(word: word(.written))
        synced = LogPosition(word: word(.synced))
        generation = ManifestGeneration(word: word(.generation))
        isSound =
            (word(.written) == 0 || written != nil) && (word(.synced) == 0 || synced != nil)
            && (word(.generation) == 0 || generation != nil) && Self.reservedBytesAreZero(bytes)
    }

    private static func reservedBytesAreZero(_ bytes: [UInt8]) -> Bool {
        let words = Word.allCases.map(\.rawValue)
        let starts = [headByteCount] + words.map { $0 + 8 }
        let ends = words + [byteCount]
        return unsafe bytes.withUnsafeBytes { bytes in
            zip(starts, ends).allSatisfy { bytes.isZero(in: $0..<$1) }
        }
    }

    /// The page of a writer that begins at `start`, under the manifest of `generation`. Everything before `start` is
    /// synced.
    package static func bytes(
        of log: LogIdentifier, boot: UInt64, place: UInt64, start: LogPosition, generation: UInt64
    ) -> [UInt8] {
        var bytes = head(of: log)
        for word in Word.allCases {
            bytes.append(contentsOf: [UInt8](repeating: 0, count: word.rawValue - bytes.count))
            let value =
                switch word {
                case .boot: boot
                case .written, .synced: start.word
                case .generation: ManifestGeneration(generation)?.word ?? 0
                case .place: place
                }
            bytes.append(littleEndian: value)
        }
        return bytes + [UInt8](repeating: 0, count: byteCount - bytes.count)
    }

    /// Magic, checksum, version and log: the part that never changes.
    private static func head(of log: LogIdentifier) -> [UInt8] {
        var rest: [UInt8] = []
        rest.append(littleEndian: FormatVersion.current)
        rest.append(littleEndian: UInt16(0))
        rest.append(littleEndian: log.high)
        rest.append(littleEndian: log.low)
        var bytes = magic
        bytes.append(littleEndian: Checksum.mask(Checksum.of(rest)))
        return bytes + rest
    }

    /// The statement without words that no writer of this log can have stored: a place that no segment has, or a
    /// segment whose number was never used. The eight check bits alone would accept one wrong word in 256.
    ///
    /// - Parameter manifest: the manifest in force; an active writer may have replaced it since.
    package func possible(in manifest: Manifest) -> PositionStatement {
        func isPossible(_ position: LogPosition) -> Bool {
            (SegmentHeader.byteCount...Self.segmentByteLimit).contains(Int(position.offset))
                && (1..<max(manifest.nextSegment, 1)).contains(position.segment)
        }
        var possible = self
        if let written, !isPossible(written) { (possible.written, possible.isSound) = (nil, false) }
        if let synced, !isPossible(synced) { (possible.synced, possible.isSound) = (nil, false) }
        return possible
    }
}
