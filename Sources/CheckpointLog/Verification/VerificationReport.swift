/// What a verification found.
///
/// As JSON it is one object. Names and meanings stay; more can be added.
///
/// | name | value |
/// |---|---|
/// | `level` | `"quick"`, `"full"` or `"deep"` |
/// | `directory` | the path of the log |
/// | `exitCode` | 0…5, as ``exitCode`` |
/// | `isWritten` | whether a writer had the log open |
/// | `byteCount`, `frameCount`, `segmentCount` | what was checked |
/// | `liveByteCount` | bytes of live frames, each rounded up by less than an eighth; only at `"deep"` |
/// | `findings` | a list of objects: |
/// | · `severity` | `"note"`, `"tornTail"`, `"rebuildable"`, `"damage"`, `"unsupported"` or `"unreadable"` |
/// | · `file` | a name in the directory; `""` for the directory itself |
/// | · `offset` | bytes from the start of the file; absent where there is none |
/// | · `kind`, `expected`, `actual` | text; the last two absent where there is nothing to say |
/// | · `lost` | a list of `level`, `key`, `origin`, `sequenceNumber`; level 0 and no key where only numbers are known |
/// | · `isHarmless` | true: no live checkpoint lost |
///
/// ```swift
/// let report = try await LogVerifier(directory: "/var/lib/simulation").verify()
/// if report.exitCode > 1 { report.findings.forEach { print($0) } }
/// ```
public struct VerificationReport: Sendable, Codable {
    /// How much was checked.
    public var level: VerificationLevel
    /// The path of the log.
    public var directory: String
    /// Whether a process had the log open for writing. What it was still writing was then not checked.
    public var isWritten = false
    /// Bytes read.
    public var byteCount = 0
    /// Frames checked.
    public var frameCount = 0
    /// Segments and value segments checked.
    public var segmentCount = 0
    /// Bytes of live frames, each rounded up by less than an eighth as compaction counts them; nil below
    /// ``VerificationLevel/deep``.
    public var liveByteCount: Int?
    /// What is wrong, or worth knowing, ordered by file and offset.
    public var findings: [VerificationFinding] = []

    /// The highest exit code of the findings: 0 intact, 1 torn tail, 2 parts that can be rebuilt, 3 damage, 4
    /// unsupported format, 5 cannot be read.
    public var exitCode: Int { findings.map(\.severity.exitCode).max() ?? 0 }

    enum CodingKeys: String, CodingKey {
        case level, directory, isWritten, byteCount, frameCount, segmentCount, liveByteCount, findings, exitCode
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
        liveByteCount = try container.decodeIfPresent(Int.self, forKey: .liveByteCount)
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
        try container.encodeIfPresent(liveByteCount, forKey: .liveByteCount)
        try container.encode(findings, forKey: .findings)
    }
}
