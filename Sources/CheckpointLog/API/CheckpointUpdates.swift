extension CheckpointLog {
    /// The newest version of `key`, and then each newer one, as long as the log is open.
    ///
    /// ```swift
    /// let reader = try await CheckpointLog.openForReading(at: directory)
    /// for try await state in reader.updates(of: State.self, for: "state") { display(state) }
    /// ```
    ///
    /// A loop that is slower than the writer gets the newest version each time, and skips those in between. The pause
    /// between two looks adapts to the writer, from 1 ms to 1 s: it halves after a new version, and doubles after none.
    /// The sequence does not report removals.
    ///
    /// - Parameters:
    ///   - type: the type of the values that were saved, or one that decodes the same form.
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255, or nil for the newest at any level.
    ///   - origin: such as `C4/C1`, for checkpoints that came up the tree that way. Nil means this log's own or, if it
    ///     has none, the newest of any origin.
    /// - Returns: a sequence for any number of loops, each at its own pace. A loop ends when the log is closed or the
    ///   task is cancelled. It throws what ``restore(_:for:level:version:origin:fallback:)-5xn3o`` throws.
    public nonisolated func updates<Value: Codable & Sendable>(
        of type: Value.Type, for key: CheckpointKey, level: Int? = nil, origin: String? = nil
    ) -> CheckpointUpdates<Value> {
        CheckpointUpdates(log: self, key: key, level: level, origin: origin)
    }
}

/// The newest versions of a key, as ``CheckpointLog/updates(of:for:level:origin:)`` gives them.
public struct CheckpointUpdates<Value: Codable & Sendable>: AsyncSequence, Sendable {
    let log: CheckpointLog
    let key: CheckpointKey
    let level: Int?
    let origin: String?

    public func makeAsyncIterator() -> Iterator { Iterator(updates: self) }

    /// One pass through the versions.
    public struct Iterator: AsyncIteratorProtocol {
        let updates: CheckpointUpdates
        private var last: SequenceNumber?
        private var pause = UpdatePause()

        init(updates: CheckpointUpdates) { self.updates = updates }

        /// Waits for the next version and returns it; nil when the log is closed or the task is cancelled.
        public mutating func next() async throws -> Value? {
            do {
                while true {
                    if let value = try await newer() { return value }
                    try await updates.log.engine.configuration.clock.sleep(for: pause.duration)
                    pause.lengthen()
                }
            } catch let error as CheckpointLogError where error.code == .closed {
                return nil
            } catch is CancellationError {
                return nil
            }
        }

        private mutating func newer() async throws -> Value? {
            let (log, key) = (updates.log, updates.key)
            let query = try RecordQuery(key, updates.level, .newest, updates.origin)
            guard let found = try await log.engine.newestNumber(query), last.map({ $0 < found.number }) ?? true else {
                return nil
            }
            let value = try await log.restore(
                Value.self, for: key, level: found.level, version: .sequence(found.number), origin: updates.origin)
            // A newer version may have replaced it by now; the next look finds that one.
            guard let value else { return nil }
            if last != nil { pause.shorten() }
            last = found.number
            return value
        }
    }
}

/// How long to wait before the next look for a new version.
struct UpdatePause {
    private static let limits = Duration.milliseconds(1)...Duration.seconds(1)

    private(set) var duration = limits.lowerBound

    mutating func lengthen() { duration = min(duration * 2, Self.limits.upperBound) }

    mutating func shorten() { duration = max(duration / 2, Self.limits.lowerBound) }
}

extension LogEngine {
    /// The newest version that answers `query`, found on the task's thread where that need not wait for a disk.
    fileprivate func newestNumber(_ query: RecordQuery) async throws -> (number: SequenceNumber, level: Int)? {
        let found: FoundRecord?
        do {
            found = try newest(query, .cachedOnly)
        } catch is WouldWait {
            found = try await blocking.run { try self.newest(query) }
        }
        return found.map { ($0.number, Int($0.level)) }
    }
}
