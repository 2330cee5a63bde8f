/// One thing that is wrong, or worth knowing.
///
/// ```swift
/// for finding in report.findings where finding.severity == .damage { print(finding.file, finding.lost) }
/// ```
public struct VerificationFinding: Sendable, Hashable, Codable, CustomStringConvertible {
    /// What a finding means for the log.
    public enum Severity: String, Sendable, Codable, CaseIterable {
        /// Nothing is wrong: foreign files, orphans.
        case note
        /// An unfinished last write, of a checkpoint that was never acknowledged.
        case tornTail
        /// A part that the next opening for writing rebuilds.
        case rebuildable
        /// Bytes that differ from what was written, or are missing.
        case damage
        /// A format, or a feature of it, that this version cannot read.
        case unsupported
        /// Something that the system could not read.
        case unreadable

        /// The exit code of `log-verify` for the worst finding of this kind.
        public var exitCode: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    /// A checkpoint that is lost.
    public struct Lost: Sendable, Hashable, Codable {
        /// 1…255, or 0 if only numbers are known.
        public var level: Int
        /// Empty where only numbers are known.
        public var key: String
        /// The path by which it came up the tree; empty for the log's own.
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

        init(_ record: CheckOutcome.Record) {
            self.init(
                level: Int(record.level), key: String(decoding: record.key, as: UTF8.self),
                origin: String(decoding: record.origin, as: UTF8.self), sequenceNumber: "\(record.sequenceNumber)")
        }

        /// Checkpoints of which only the numbers are known.
        static func numbers(_ numbers: String) -> Lost { Lost(level: 0, key: "", origin: "", sequenceNumber: numbers) }
    }

    /// What it means.
    public var severity: Severity
    /// The name of the file in the log's directory; empty for the directory itself.
    public var file: String
    /// The distance from the start of the file, in bytes, if it is known.
    public var offset: Int?
    /// What is wrong, in a few words.
    public var kind: String
    /// What should be there.
    public var expected: String?
    /// What is there.
    public var actual: String?
    /// The live checkpoints that are lost.
    public var lost: [Lost] = []
    /// Whether the rest of the log shows that no live checkpoint is lost.
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

    init(_ severity: Severity, _ file: String, offset: Int, _ fault: FrameOrder.Fault) {
        self.init(severity, file, offset: offset, fault.kind, expected: fault.expected, actual: fault.actual)
    }

    /// Text out of a file, so that it can be shown on a terminal: control characters are escaped.
    static func text(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control || scalar.properties.isBidiControl
            shown += isControl || scalar == "\"" ? scalar.escaped(asASCII: true) : String(scalar)
        }
        return shown
    }

    static func text(_ bytes: [UInt8]) -> String { text(String(decoding: bytes, as: UTF8.self)) }

    /// One line: severity, place, what is wrong, and what it costs.
    public var description: String {
        var text = "\(severity.rawValue): \(file.isEmpty ? "the directory" : Self.text(file))"
        if let offset { text += ":\(offset)" }
        text += ": \(kind)"
        if let expected { text += ", expected \(expected)" }
        if let actual { text += ", found \(actual)" }
        for lost in lost.prefix(8) {
            text += "; lost: "
            text += lost.key.isEmpty ? "records" : "level \(lost.level), key \"\(Self.text(lost.key))\""
            if !lost.origin.isEmpty { text += ", origin \"\(Self.text(lost.origin))\"" }
            text += ", number \(lost.sequenceNumber)"
        }
        if lost.count > 8 { text += "; and \(lost.count - 8) more" }
        if lost.isEmpty, isHarmless { text += "; no live checkpoint lost" }
        return text
    }
}
