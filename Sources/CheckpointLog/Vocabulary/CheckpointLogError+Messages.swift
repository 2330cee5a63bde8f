#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

extension CheckpointLogError {
    package static func invalidKey(byteCount: Int) -> CheckpointLogError {
        let problem = byteCount == 0 ? "The key is empty" : "The key has \(byteCount) bytes of UTF-8"
        return CheckpointLogError(
            code: .invalidKey, message: "\(problem). Give one of 1 to \(CheckpointKey.maximumByteCount) bytes.")
    }

    package static func invalidLevel(_ level: Int) -> CheckpointLogError {
        CheckpointLogError(code: .invalidLevel, message: "There is no level \(level). Levels go from 1 to 255.")
    }

    package static func invalidConfiguration(_ message: String) -> CheckpointLogError {
        CheckpointLogError(code: .invalidConfiguration, message: message)
    }

    /// - Parameter limit: nil if the encoding was stopped at `byteCount`.
    package static func valueTooLarge(byteCount: Int, limit: Int?, setting: String) -> CheckpointLogError {
        let what =
            limit.map { "\(byteCount) encoded bytes are over the limit of \($0)" }
            ?? "The value has more encoded bytes than the limit allows: encoding stopped at \(byteCount)"
        return CheckpointLogError(code: .valueTooLarge, message: "\(what). Raise `\(setting)`, or save less.")
    }

    /// - Parameters:
    ///   - path: where in the value the error arose.
    ///   - isKept: whether the value stays in the memory level, rather than being refused.
    package static func encodingFailed(
        key: CheckpointKey, path: [any CodingKey] = [], cause: any Error, isKept: Bool = false
    ) -> CheckpointLogError {
        let place = path.isEmpty ? "" : " at " + path.map(\.stringValue).joined(separator: ".")
        let outcome =
            isKept ? "it stays in memory and is not in the log: repair its `encode(to:)`" : "nothing was written"
        return CheckpointLogError(
            code: .encodingFailed, message: "The value for key \"\(key)\" does not encode\(place); \(outcome).",
            cause: cause)
    }

    package static func invalidGroup(memberCount: Int, limit: Int) -> CheckpointLogError {
        CheckpointLogError(
            code: .invalidGroup,
            message: memberCount == 0
                ? "The group is empty. Put one member or more into it."
                : "The group has \(memberCount) members and may have \(limit). Make several groups of it.")
    }

    /// - Parameter byteCount: the bytes of the list of keys: each key, and one or two bytes for its length.
    package static func invalidGroup(
        memberCount: Int, listByteCount byteCount: Int, limit: Int
    ) -> CheckpointLogError {
        CheckpointLogError(
            code: .invalidGroup,
            message: "The keys of the group's \(memberCount) members take \(byteCount) bytes, with one or two more for "
                + "each, and may take \(limit). Make several groups, or use shorter keys.")
    }

    /// - Parameter what: the subject of the sentence, such as "The origin".
    package static func overLimit(_ what: String, byteCount: Int, limit: Int) -> CheckpointLogError {
        CheckpointLogError(
            code: .invalidArgument,
            message: "\(what) has \(byteCount) bytes and may have \(limit). Nothing was written.")
    }

    package static func overLimit(labels count: Int, of key: CheckpointKey) -> CheckpointLogError {
        CheckpointLogError(
            code: .invalidArgument,
            message: "The key \"\(key)\" would have \(count) pins and tags, and may have 4,096. Unpin versions that "
                + "are not needed. Nothing was written.")
    }

    package static func originTooLong(_ origin: Origin) -> CheckpointLogError {
        .invalidTree(
            "A record from below has an origin of \(origin.bytes.count) bytes, and may have \(Origin.byteLimit). Use "
                + "shorter names, or fewer ranks. If origins grow with every update, logs are registered in a circle.")
    }

    package static var changesTooFast: CheckpointLogError {
        CheckpointLogError(
            code: .unavailable,
            message: "The log changes faster than this reader can read it. Try again.")
    }

    package static var groupReplaced: CheckpointLogError {
        CheckpointLogError(
            code: .unavailable,
            message: "The log no longer keeps this group: newer ones took its place, or it was removed. Restore the "
                + "newest.")
    }

    package static func decodingFailed(
        key: CheckpointKey, level: Int, stored: String, wanted: String, cause: (any Error)?
    ) -> CheckpointLogError {
        let advice =
            if case .keyNotFound(let field, _) = cause as? DecodingError {
                "it has no field \"\(field.stringValue)\". Restore it with `defaults:`, which has what the stored "
                    + "value lacks, or by a rule of your own with `restore(for:decoding:)`."
            } else {
                "restore it as the type that it was saved with."
            }
        return CheckpointLogError(
            code: .decodingFailed,
            message: "The checkpoint of key \"\(key)\" at level \(level) holds \(stored) and does not decode as "
                + "\(wanted); \(advice)",
            cause: cause)
    }

    /// Whether decoding failed because a field was not stored.
    var isMissingField: Bool {
        if case .keyNotFound = cause as? DecodingError { return code == .decodingFailed }
        return false
    }

    package static func locked(path: String, holder: LockHolder?) -> CheckpointLogError {
        let by = holder.map { $0.isThisProcess ? "this process itself" : "\($0)" } ?? "another writer"
        return CheckpointLogError(
            code: .locked, message: "The log is open for writing by \(by). Close it there, or open it for reading.",
            location: Location(path: path))
    }

    package static var closed: CheckpointLogError {
        CheckpointLogError(code: .closed, message: "The log is closed. Open it again.")
    }

    package static var readOnly: CheckpointLogError {
        CheckpointLogError(
            code: .readOnly, message: "The log was opened for reading. Open it for writing to change it.")
    }

    package static var openInParent: CheckpointLogError {
        CheckpointLogError(
            code: .writerFailed,
            message: "The log was open when this process was forked, and only its parent may write it. Open it in the "
                + "child after the parent has closed it.")
    }

    package static func notALog(path: String, _ reason: String) -> CheckpointLogError {
        CheckpointLogError(code: .notALog, message: "There is no log here: \(reason)", location: Location(path: path))
    }

    package static func unsupported(_ message: String) -> CheckpointLogError {
        CheckpointLogError(code: .unsupported, message: message)
    }

    package static func damaged(
        _ message: String, path: String, offset: Int? = nil, lost: [LostRecord] = []
    ) -> CheckpointLogError {
        CheckpointLogError(
            code: .damaged, message: message, location: Location(path: path, offset: offset), lost: lost)
    }

    package static func unsupportedFormat(_ feature: String, path: String) -> CheckpointLogError {
        CheckpointLogError(
            code: .unsupportedFormat,
            message: "The file needs \(feature), which this version of CheckpointLog does not read. Use a newer one.",
            location: Location(path: path))
    }

    package static func writerFailed(cause: CheckpointLogError) -> CheckpointLogError {
        CheckpointLogError(
            code: .writerFailed,
            message:
                "An earlier failure closed this log for writing; restores go on. Close the log, remove the cause, "
                + "and open it again: recovery keeps everything that was acknowledged.",
            location: cause.location, cause: cause)
    }

    package static func memoryFull(count: Int, byteCount: Int) -> CheckpointLogError {
        CheckpointLogError(
            code: .memoryFull,
            message: "The memory level is full at \(count) keys or \(byteCount) bytes, and nothing was changed. Remove "
                + "checkpoints, or raise `memoryCountLimit` or `memoryByteLimit`.")
    }

    package static func invalidTree(_ message: String) -> CheckpointLogError {
        CheckpointLogError(code: .invalidTree, message: message)
    }

    package static func unavailable(_ name: String, cause: (any Error)?) -> CheckpointLogError {
        CheckpointLogError(
            code: .unavailable,
            message: "The log \"\(name)\" of the tree cannot be reached. Repair it, or deregister it.", cause: cause
        )
    }

    package static func wentBack(child name: String) -> CheckpointLogError {
        CheckpointLogError(
            code: .wentBack,
            message: "The log of the child \"\(name)\" is not the one that was copied from last: its directory was "
                + "restored from a backup, or is a copy that went on by itself. Everything that it holds now is "
                + "copied. Keys that it no longer has stay here; remove those that must not.")
    }

    package static func duplicateKeyInGroup(_ key: CheckpointKey) -> CheckpointLogError {
        CheckpointLogError(
            code: .duplicateKeyInGroup, message: "The key \"\(key)\" was put into the group twice. Put it in once.")
    }

    package static func deadlineExceeded(_ deadline: Duration, of work: String) -> CheckpointLogError {
        CheckpointLogError(
            code: .deadlineExceeded,
            message: "\(deadline) were not enough for \(work). Allow more, or find out what holds up the disk.")
    }
}
