extension CheckpointLogError {
    package static func invalidKey(byteCount: Int) -> CheckpointLogError {
        let problem = byteCount == 0 ? "The key is empty" : "The key has \(byteCount) bytes of UTF-8"
        return CheckpointLogError(
            code: .invalidKey, message: "\(problem); give one of 1 to \(CheckpointKey.maximumByteCount) bytes.")
    }

    package static func invalidLevel(_ level: Int) -> CheckpointLogError {
        CheckpointLogError(code: .invalidLevel, message: "Level \(level) does not exist; levels go from 1 to 255.")
    }

    package static func invalidConfiguration(_ message: String) -> CheckpointLogError {
        CheckpointLogError(code: .invalidConfiguration, message: message)
    }

    package static func valueTooLarge(byteCount: Int, limit: Int, setting: String) -> CheckpointLogError {
        CheckpointLogError(
            code: .valueTooLarge,
            message: "\(byteCount) encoded bytes are over the limit of \(limit); raise `\(setting)` or store less.")
    }

    package static func encodingFailed(key: CheckpointKey, cause: any Error) -> CheckpointLogError {
        CheckpointLogError(
            code: .encodingFailed, message: "The value for key \"\(key)\" does not encode; nothing was written.",
            cause: cause)
    }

    package static func decodingFailed(
        key: CheckpointKey, level: Int, stored: String, wanted: String, cause: (any Error)?
    ) -> CheckpointLogError {
        CheckpointLogError(
            code: .decodingFailed,
            message: "The checkpoint of key \"\(key)\" at level \(level) holds \(stored) and does not decode as "
                + "\(wanted); restore it as the type it was taken with.",
            cause: cause)
    }

    package static func locked(path: String, holder: Int32?) -> CheckpointLogError {
        let by = holder.map { "process \($0)" } ?? "another writer"
        return CheckpointLogError(
            code: .locked, message: "The log is open for writing by \(by); close it there, or open it for reading.",
            location: Location(path: path))
    }

    package static var closed: CheckpointLogError {
        CheckpointLogError(code: .closed, message: "The log is closed; open it again.")
    }

    package static var readOnly: CheckpointLogError {
        CheckpointLogError(
            code: .readOnly, message: "The log was opened for reading; open it for writing to change it.")
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
            message: "The file needs \(feature), which this version of CheckpointLog does not read; use a newer one.",
            location: Location(path: path))
    }

    package static func writerFailed(cause: CheckpointLogError) -> CheckpointLogError {
        CheckpointLogError(
            code: .writerFailed,
            message:
                "An earlier failure closed this log for writing; reads go on. Close it, see to the cause, and open "
                + "it again: recovery keeps all that was acknowledged.",
            location: cause.location, cause: cause)
    }

    package static func memoryFull(count: Int, byteCount: Int) -> CheckpointLogError {
        CheckpointLogError(
            code: .memoryFull,
            message: "The memory level is full at \(count) keys or \(byteCount) bytes; remove checkpoints, or raise "
                + "`memoryCountLimit` or `memoryByteLimit`.")
    }

    package static func invalidTree(_ message: String) -> CheckpointLogError {
        CheckpointLogError(code: .invalidTree, message: message)
    }

    package static func unavailable(_ name: String, cause: (any Error)?) -> CheckpointLogError {
        CheckpointLogError(
            code: .unavailable, message: "The checkpointing actor \"\(name)\" cannot be reached.", cause: cause)
    }

    package static func duplicateKeyInGroup(_ key: CheckpointKey) -> CheckpointLogError {
        CheckpointLogError(
            code: .duplicateKeyInGroup, message: "Key \"\(key)\" was put into the group twice; put it in once.")
    }

    package static func deadlineExceeded(_ deadline: Duration, of work: String) -> CheckpointLogError {
        CheckpointLogError(
            code: .deadlineExceeded,
            message: "\(deadline) were not enough for \(work); allow more, or look for what holds up the disk.")
    }
}
