import Logging
import SystemPackage

extension LogEngine {
    /// A compaction may move a record between its look-up and the read. The engine then looks it up again. Three
    /// attempts are enough for segments of the usual size; the smallest are compacted as fast as a reader in another
    /// process looks records up.
    private static let attempts = 20

    /// Calls `body` with the content of the record that answers `query`; nil if there is none.
    ///
    /// - Parameters:
    ///   - found: the record, if the caller has looked it up already.
    ///   - receive: called first for a large value.
    /// - Throws: ``WouldWait`` in a mode that must not; `.damaged`; what `body` throws.
    package func withContent<Result>(
        _ query: RecordQuery, _ mode: ReadMode = .waiting, found: FoundRecord? = nil,
        receive: FrameReader.Receive<Result>? = nil, _ body: (ContentFacts, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result? {
        if let found {
            let view = follower?.view
            do {
                return unsafe try withContent(of: found, key: query.key, mode, receive, body)
            } catch let error as CheckpointLogError where Self.isGone(error) || isOver(view) {
                // The index knows the new place by now.
                try refresh(isForced: true)
            }
        }
        return try retryingMoved { _ in
            guard let found = try newest(query, mode) else { return nil }
            return unsafe try withContent(of: found, key: query.key, mode, receive, body)
        }
    }

    /// As ``withContent(_:_:found:receive:_:)`` for one record, or for the newest of its key when that has taken its
    /// place meanwhile.
    package func withContentOrNewer<Result>(
        key: CheckpointKey, level: UInt8, number: SequenceNumber, origin: Origin,
        _ body: (ContentFacts, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result? {
        var query = RecordQuery(key: key, level: level, version: .sequence(number), origin: origin)
        if let result = unsafe try withContent(query, .waiting, body) { return result }
        query.version = .newest
        return unsafe try withContent(query, .waiting, body)
    }

    /// Runs `body` again, after a look at what is new, when a file that it read is gone, since a compaction has moved
    /// the record after it was looked up, and when a reader came to another view of the log meanwhile.
    ///
    /// - Parameter body: looks the record up again each time; told whether this is the last time.
    func retryingMoved<Result>(_ body: (_ isLast: Bool) throws -> Result) throws -> Result {
        for _ in 1..<Self.attempts {
            let view = follower?.view
            do {
                return try body(false)
            } catch let error as CheckpointLogError where Self.isGone(error) || isOver(view) {
                try refresh(isForced: true)
            }
        }
        return try body(true)
    }

    /// Whether a reader has replaced `view`. Locations from an old view may not fit the files.
    private func isOver(_ view: LogView?) -> Bool {
        view.map { $0.number != follower?.view.number } ?? false
    }

    static func isGone(_ error: CheckpointLogError) -> Bool {
        (error.cause as? FileSystemError)?.code == .noSuchFileOrDirectory
    }

    /// Calls `body` with the newest content that can be used, telling of what is newer and cannot.
    package func withIntactContent<Result>(
        _ query: RecordQuery, _ fallback: RestoreFallback, receive: FrameReader.Receive<Result>? = nil,
        _ body: (ContentFacts, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result? {
        var skipped: [CheckpointLogError] = []
        defer {
            for error in skipped { tell(error, fallback) }
        }
        return try retryingMoved { isLast in
            skipped = []
            for found in try versions(query) {
                do {
                    return unsafe try withContent(of: found, key: query.key, .waiting, receive, body)
                } catch let error as CheckpointLogError
                    where fallback.skips(error) && (isLast || !Self.isGone(error))
                {
                    skipped.append(error)
                }
            }
            if let first = skipped.first { throw first }
            return nil
        }
    }

    /// Reports a newer version that could not be used.
    func tell(_ error: CheckpointLogError, _ fallback: RestoreFallback) {
        let message: Logger.Message =
            error.code == .damaged
            ? "a damaged checkpoint was skipped" : "a checkpoint that does not decode was skipped"
        configuration.logger?.warning(message, metadata: ["cause": "\(error)"])
        fallback.report?(error)
    }

    private func withContent<Result>(
        of found: FoundRecord, key: CheckpointKey, _ mode: ReadMode, _ receive: FrameReader.Receive<Result>?,
        _ body: (ContentFacts, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        switch found {
        case .memory(let record):
            let bytes: [UInt8]
            do {
                bytes = try record.encode()
            } catch {
                throw CheckpointLogError.encodingFailed(key: key, cause: error)
            }
            let facts = ContentFacts(
                flags: record.flags, level: record.level.rawValue, number: record.number, metadata: record.metadata)
            return unsafe try bytes.withUnsafeBytes { unsafe try body(facts, $0) }
        case .frame(let entry, let level, let origin):
            return unsafe try key.withValidatedBytes { key in
                let record = unsafe FrameReader.Record(
                    at: entry.location, number: entry.sequenceNumber, level: level, key: key, origin: origin)
                func read(_ frames: FrameReader) throws -> Result {
                    unsafe try frames.withContent(of: record, mode, receive: receive) {
                        unsafe try body(ContentFacts($0), $1)
                    }
                }
                guard let view = uncountedView else { return try read(frames) }
                return unsafe try view.frames._withUnsafeGuaranteedRef { try read($0) }
            }
        }
    }
}
