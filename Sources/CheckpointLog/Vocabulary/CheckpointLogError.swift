#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// The error that a checkpoint log throws.
///
/// `code` tells a program what happened; `message` tells a person what to do about it. A missing checkpoint is not an
/// error: `restore` returns nil.
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
    /// One or two sentences: what happened, and what to do. It never contains a checkpoint's values.
    public var message: String
    /// Where it happened, if that is known.
    public var location: Location?
    /// The error that caused this one, if there is one.
    public var cause: (any Error)?
    /// For `.damaged`: the records that are lost. Empty otherwise.
    public var lost: [LostRecord] = []

    /// A kind of failure. A later release may add codes.
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
        /// A value or group larger than a limit of the configuration.
        public static var valueTooLarge: Code { Code(.valueTooLarge) }
        /// A value whose `encode(to:)` threw.
        public static var encodingFailed: Code { Code(.encodingFailed) }
        /// A stored value that does not decode as the given type.
        public static var decodingFailed: Code { Code(.decodingFailed) }
        /// A log that another process has open for writing.
        public static var locked: Code { Code(.locked) }
        /// A log that was closed.
        public static var closed: Code { Code(.closed) }
        /// Bytes on the disk that differ from what was written, or are missing.
        public static var damaged: Code { Code(.damaged) }
        /// A log of a version, or with a feature, that this version cannot read.
        public static var unsupportedFormat: Code { Code(.unsupportedFormat) }
        /// A call that this log does not support, because of how it was opened.
        public static var unsupported: Code { Code(.unsupported) }
        /// A system call that failed.
        public static var ioFailure: Code { Code(.ioFailure) }
        /// A full disk, or a quota that is used up. The log stays open and valid.
        public static var diskFull: Code { Code(.diskFull) }
        /// A log that an earlier failure, given as the cause, closed for writing; a log whose directory was removed; in
        /// a forked child, a log that its parent has open.
        public static var writerFailed: Code { Code(.writerFailed) }
        /// A write to a log that was opened for reading.
        public static var readOnly: Code { Code(.readOnly) }
        /// A path at which there is no log.
        public static var notALog: Code { Code(.notALog) }
        /// An actor of the tree that cannot be reached.
        public static var unavailable: Code { Code(.unavailable) }
        /// A group that already has the key.
        public static var duplicateKeyInGroup: Code { Code(.duplicateKeyInGroup) }
        /// An argument that a log cannot accept, such as an origin of more than 1,024 bytes.
        public static var invalidArgument: Code { Code(.invalidArgument) }
        /// A group without members, or with too many.
        public static var invalidGroup: Code { Code(.invalidGroup) }
        /// Work that did not finish before its deadline. It goes on in the background.
        public static var deadlineExceeded: Code { Code(.deadlineExceeded) }

        /// A memory level that is full, in a log without a directory.
        public static var memoryFull: Code { Code(.memoryFull) }
        /// A registration that would make a cycle, repeat a name, or give a log a parent of no greater rank.
        public static var invalidTree: Code { Code(.invalidTree) }

        /// A child of the tree whose directory was restored from a backup, or is a copy that was written to. The log
        /// reports this code and never throws it.
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
        /// The record's level; nil if only its number is known.
        public var level: Int?
        /// The record's key; nil if only its number is known.
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
