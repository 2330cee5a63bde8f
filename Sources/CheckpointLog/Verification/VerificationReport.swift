/// What a verification found. As JSON it is one object: `level`, `directory`, `exitCode`, `isWritten`, `byteCount`, `frameCount`,
/// `segmentCount` and `findings`, each with `severity`, `file`, `kind` and, where they apply, `offset`, `expected`, `actual`,
/// `lost` (`level`, `key`, `origin`, `sequenceNumber`) and `isHarmless`.
///
/// ```swift
/// let report = try await LogVerifier(directory: "/var/lib/simulation").verify()
/// if report.exitCode > 1 { report.findings.forEach { print($0) } }
/// ```
public struct VerificationReport: Sendable, Codable {
    /// How much was looked at.
    public var level: VerificationLevel
    /// The path of the log.
    public var directory: String
    /// Whether a writer had the log open; what it was still writing was then not looked at.
    public var isWritten = false
    /// Bytes read.
    public var byteCount = 0
    /// Frames checked.
    public var frameCount = 0
    /// Segments and value segments checked.
    public var segmentCount = 0
    /// What is not as it should be, by file and offset.
    public var findings: [VerificationFinding] = []

    /// 0 intact, 1 torn tail, 2 parts that can be rebuilt, 3 damage, 4 unsupported format, 5 cannot be read: the highest of the
    /// findings'.
    public var exitCode: Int { findings.map(\.severity.exitCode).max() ?? 0 }

    enum CodingKeys: String, CodingKey {
        case level, directory, isWritten, byteCount, frameCount, segmentCount, findings, exitCode
    }

    init(level: VerificationLevel, directory: String) {
        self.level = level
        self.directory = directory
    }

    /// Reads a report back; the exit code follows from the findings.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        level = try container.decode(VerificationLevel.self, forKey: .level)
        directory = try container.decode(String.self, forKey: .directory)
        isWritten = try container.decode(Bool.self, forKey: .isWritten)
        byteCount = try container.decode(Int.self, forKey: .byteCount)
        frameCount = try container.decode(Int.self, forKey: .frameCount)
        segmentCount = try container.decode(Int.self, forKey: .segmentCount)
        findings = try container.decode([VerificationFinding].self, forKey: .findings)
    }

    /// Writes the report, with its exit code.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(level, forKey: .level)
        try container.encode(directory, forKey: .directory)
        try container.encode(exitCode, forKey: .exitCode)
        try container.encode(isWritten, forKey: .isWritten)
        try container.encode(byteCount, forKey: .byteCount)
        try container.encode(frameCount, forKey: .frameCount)
        try container.encode(segmentCount, forKey: .segmentCount)
        try container.encode(findings, forKey: .findings)
    }
}

/// How much of a log a verification looks at.
///
/// ```swift
/// let verifier = LogVerifier(directory: path, level: .deep)
/// ```
public enum VerificationLevel: String, Sendable, Codable, CaseIterable, Comparable {
    /// The manifest, the files, their lengths and headers.
    case quick
    /// Every checksum, order, promise, batch, footer and padding as well.
    case full
    /// Decompresses, checks content and CBOR, rebuilds the index and compares it, accounts live bytes, and names orphans.
    case deep

    /// Orders by how much is looked at.
    public static func < (left: VerificationLevel, right: VerificationLevel) -> Bool {
        allCases.firstIndex(of: left) ?? 0 < allCases.firstIndex(of: right) ?? 0
    }
}

/// One thing that is not as it should be, or worth knowing.
///
/// ```swift
/// for finding in report.findings where finding.severity == .damage { print(finding.file, finding.lost) }
/// ```
public struct VerificationFinding: Sendable, Hashable, Codable, CustomStringConvertible {
    /// What a finding means for the log.
    public enum Severity: String, Sendable, Codable, CaseIterable {
        /// Nothing is wrong: foreign files, orphans.
        case note
        /// An unfinished last write, which nothing promised.
        case tornTail
        /// A part that the next opening for writing makes anew.
        case rebuildable
        /// Bytes that are not what was written, or not there.
        case damage
        /// A format, or a feature of it, that this version does not read.
        case unsupported
        /// What the system would not give.
        case unreadable

        /// The exit code of `log-verify` for the worst finding of this kind.
        public var exitCode: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    /// A checkpoint that a finding costs.
    public struct Lost: Sendable, Hashable, Codable {
        /// 1…255, or 0 where only numbers are known.
        public var level: Int
        /// Empty where only numbers are known.
        public var key: String
        /// The way by which it came up the tree; empty for the log's own.
        public var origin: String
        /// The number, or the range of numbers as `3.1…3.17`.
        public var sequenceNumber: String

        /// Makes the name of a lost checkpoint.
        public init(level: Int, key: String, origin: String, sequenceNumber: String) {
            self.level = level
            self.key = key
            self.origin = origin
            self.sequenceNumber = sequenceNumber
        }
    }

    /// What it means.
    public var severity: Severity
    /// The name of the file in the log's directory; empty for the directory itself.
    public var file: String
    /// Bytes from the start of the file, where that is known.
    public var offset: Int?
    /// What is wrong, in a few words.
    public var kind: String
    /// What should be there.
    public var expected: String?
    /// What is there.
    public var actual: String?
    /// The live checkpoints that it costs.
    public var lost: [Lost] = []
    /// Whether nothing live is lost by it, as far as the rest of the log tells.
    public var isHarmless = false

    init(
        _ severity: Severity, _ file: String, offset: Int? = nil, _ kind: String, expected: String? = nil,
        actual: String? = nil
    ) {
        self.severity = severity
        self.file = file
        self.offset = offset
        self.kind = kind
        self.expected = expected
        self.actual = actual
    }

    /// One line: severity, place, what is wrong, and what it costs.
    public var description: String {
        var text = "\(severity.rawValue): \(file.isEmpty ? "the directory" : file.onOneLine)"
        if let offset { text += ":\(offset)" }
        text += ": \(kind)"
        if let expected { text += ", expected \(expected)" }
        if let actual { text += ", found \(actual)" }
        for lost in lost.prefix(8) {
            text += "; lost: "
            text += lost.key.isEmpty ? "records" : "level \(lost.level), key \"\(lost.key.onOneLine)\""
            if !lost.origin.isEmpty { text += ", origin \(lost.origin.onOneLine)" }
            text += ", number \(lost.sequenceNumber)"
        }
        if lost.count > 8 { text += "; and \(lost.count - 8) more" }
        if lost.isEmpty, isHarmless { text += "; no live checkpoint lost" }
        return text
    }
}
