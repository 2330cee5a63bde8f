#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// What a checkpoint log throws when it cannot do what it was asked.
///
/// `code` tells programs what happened, `message` tells people what to do about it. A missing checkpoint is not an
/// error: `restore` answers nil.
///
/// ```swift
/// do {
///     try await log.checkpoint(state, for: "simulation")
/// } catch let error as CheckpointLogError where error.code == .diskFull {
///     try freeSomeSpace()  // Nothing was written; the log is open and valid.
/// }
/// ```
public struct CheckpointLogError: Error, Sendable {
    /// What happened.
    public var code: Code
    /// One or two sentences: what happened, and what to do. Never holds a checkpoint's values.
    public var message: String
    /// Where it happened, as far as that is known.
    public var location: Location?
    /// The error underneath, if there is one.
    public var cause: (any Error)?
    /// The records that damage costs, for `.damaged`; empty otherwise.
    public var lost: [LostRecord] = []

    /// A kind of failure. Further codes can be added in any release.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case invalidKey, invalidLevel, invalidConfiguration, valueTooLarge, encodingFailed, decodingFailed
            case locked, closed, damaged, unsupportedFormat, unsupported, ioFailure, diskFull, writerFailed
            case readOnly, notALog, unavailable, duplicateKeyInGroup, invalidGroup, memoryFull, invalidTree,
                deadlineExceeded, invalidArgument, wentBack
        }

        private let value: Value

        private init(_ value: Value) { self.value = value }

        /// A key that is empty or too long.
        public static var invalidKey: Code { Code(.invalidKey) }
        /// A level outside 1…255.
        public static var invalidLevel: Code { Code(.invalidLevel) }
        /// A setting outside its limits, or two that contradict each other.
        public static var invalidConfiguration: Code { Code(.invalidConfiguration) }
        /// A value or group over a limit of the configuration.
        public static var valueTooLarge: Code { Code(.valueTooLarge) }
        /// A value whose `encode(to:)` threw.
        public static var encodingFailed: Code { Code(.encodingFailed) }
        /// A stored value that does not decode as the type asked for.
        public static var decodingFailed: Code { Code(.decodingFailed) }
        /// A log that another writer has open.
        public static var locked: Code { Code(.locked) }
        /// A log that was closed.
        public static var closed: Code { Code(.closed) }
        /// Bytes on disk that are not what was written.
        public static var damaged: Code { Code(.damaged) }
        /// A log written by a version, or with a feature, that this version does not read.
        public static var unsupportedFormat: Code { Code(.unsupportedFormat) }
        /// A call that this log, as it was opened, cannot serve.
        public static var unsupported: Code { Code(.unsupported) }
        /// A system call that failed.
        public static var ioFailure: Code { Code(.ioFailure) }
        /// A disk or quota without room. The log stays open and valid.
        public static var diskFull: Code { Code(.diskFull) }
        /// A log that an earlier failure, given as the cause, closed for writing; one whose directory was removed; in
        /// the child of a `fork()`, one that its parent has open.
        public static var writerFailed: Code { Code(.writerFailed) }
        /// A write to a log that was opened for reading.
        public static var readOnly: Code { Code(.readOnly) }
        /// A path at which there is no log.
        public static var notALog: Code { Code(.notALog) }
        /// An actor of the tree that cannot be reached.
        public static var unavailable: Code { Code(.unavailable) }
        /// A key given twice to one group.
        public static var duplicateKeyInGroup: Code { Code(.duplicateKeyInGroup) }
        /// An argument that a log cannot hold, as an origin of over 1,024 bytes.
        public static var invalidArgument: Code { Code(.invalidArgument) }
        /// A group without members, or with more than fit.
        public static var invalidGroup: Code { Code(.invalidGroup) }
        /// Work that its deadline overtook; it goes on in the background.
        public static var deadlineExceeded: Code { Code(.deadlineExceeded) }

        /// A memory level that holds as much as the configuration allows, in a log that cannot write it out.
        public static var memoryFull: Code { Code(.memoryFull) }
        /// A registration that would make a cycle, repeat a name, or put an actor under one of no higher rank.
        public static var invalidTree: Code { Code(.invalidTree) }

        /// A child in the tree whose log is another than the one that was taken over from, although it is the same by
        /// its name: its directory was put back from a backup, or is a copy that has gone on. Reported, never thrown.
        public static var wentBack: Code { Code(.wentBack) }

        /// The name of the code.
        public var description: String { value.rawValue }
    }

    /// A place in a log's files.
    public struct Location: Hashable, Sendable, CustomStringConvertible {
        /// The file's path.
        public var path: String
        /// The distance from the start of the file, in bytes, if the failure has one.
        public var offset: Int?

        /// Makes a location.
        public init(path: String, offset: Int? = nil) {
            self.path = path
            self.offset = offset
        }

        /// The path, and the offset after a colon.
        public var description: String { offset.map { "\(path):\($0)" } ?? path }
    }

    /// A record that damage made unreadable.
    public struct LostRecord: Hashable, Sendable, CustomStringConvertible {
        /// The record's level; nil where only its number is known.
        public var level: Int?
        /// The record's key; nil where only its number is known.
        public var key: CheckpointKey?
        /// The numbers lost: one where the record is known, else the range in which any may be missing.
        public var sequenceNumbers: ClosedRange<SequenceNumber>

        /// Makes the name of a lost record.
        public init(level: Int?, key: CheckpointKey?, sequenceNumbers: ClosedRange<SequenceNumber>) {
            self.level = level
            self.key = key
            self.sequenceNumbers = sequenceNumbers
        }

        /// Level, key and number.
        public var description: String {
            let numbers =
                sequenceNumbers.lowerBound == sequenceNumbers.upperBound
                ? "\(sequenceNumbers.lowerBound)"
                : "\(sequenceNumbers.lowerBound)…\(sequenceNumbers.upperBound)"
            guard let key else { return "records numbered \(numbers)" }
            return "level \(level ?? 0), key \"\(key.name.onOneLine)\", number \(numbers)"
        }
    }
}

extension CheckpointLogError: CustomStringConvertible {
    /// The code, the message, the location, the lost records and the cause, in this order.
    public var description: String {
        var text = "\(code): \(message)"
        if let location { text += " [\(location)]" }
        if !lost.isEmpty { text += " Lost: " + lost.prefix(8).map(\.description).joined(separator: "; ") }
        if lost.count > 8 { text += " and \(lost.count - 8) more" }
        if let cause { text += " Cause: \(cause)" }
        return text
    }
}

extension CheckpointLogError: LocalizedError {
    /// The same as ``description``.
    public var errorDescription: String? { description }
}
