extension LogEngine {
    /// A snapshot: the log at one moment within this call, open for reading.
    ///
    /// - Throws: `.closed`, `.writerFailed`; for a log that is open for reading, what bringing it up to date throws.
    /// - Complexity: O(1) for a writer, but for the count of large values; the first append to each of the 64 parts of
    ///   the index copies it. For a reader O(n) in the files, which are opened.
    package func snapshot() throws -> LogEngine {
        try checkOpen()
        var configuration = configuration
        let now = configuration.now()
        // Ages are judged at this moment, for as long as the snapshot is open.
        configuration.now = { now }
        let place = snapshots.reserve()
        let engine: LogEngine
        if let follower {
            engine = LogEngine(snapshotOf: self, try follower.frozenView(), MemoryStore(), configuration) {
                [snapshots] in snapshots.remove(place)
            }
        } else if let writer {
            try checkProcess()
            let hold = writer.held.begin()
            let names = files.names
            let (catalog, memory) = writer.appender.whileStill {
                batchIndexing.withLock { _ in
                    (RecordCatalog(freezing: self.catalog), MemoryStore(copying: self.memory))
                }
            }
            writer.held.settle(hold, below: writer.manifest.nextSegment)
            let view = LogView(identity, configuration, copying: view, catalog: catalog, names: names)
            engine = LogEngine(snapshotOf: self, view, memory, configuration) { [snapshots] in
                snapshots.remove(place)
                writer.letGo(hold)
            }
        } else {
            engine = LogEngine(snapshotOf: self, view, MemoryStore(copying: memory), configuration) { [snapshots] in
                snapshots.remove(place)
            }
        }
        snapshots.add(engine, at: place, taken: now)
        // The log may have closed meanwhile, before it knew of this snapshot.
        do { try checkOpen() } catch {
            try? engine.close()
            throw error
        }
        return engine
    }
}

extension LogEngine.Writer {
    /// Releases files that only a snapshot or a backup needed, and wakes whoever waits for room.
    func letGo(_ hold: HeldFiles.Hold) {
        held.end(hold)
        if !appender.gate.isOpen { maintenance.noteSegment() }
    }
}

/// The open snapshots of a log.
package final class OpenSnapshots: Sendable {
    private struct Entry {
        weak var engine: LogEngine?
        var taken: Int64
    }

    private struct State {
        var entries: [Int: Entry] = [:]
        var count = 0
    }

    private let state = Lock(State())

    init() {}

    func reserve() -> Int {
        state.withLock { state in
            state.count += 1
            return state.count
        }
    }

    func add(_ engine: LogEngine, at place: Int, taken: Int64) {
        state.withLock { $0.entries[place] = Entry(engine: engine, taken: taken) }
    }

    func remove(_ place: Int) { state.withLock { $0.entries[place] = nil } }

    /// How many there are, and when the oldest was taken, in microseconds since 1970-01-01 UTC.
    var summary: (count: Int, oldest: Int64?) {
        state.withLock { ($0.entries.count, $0.entries.values.map(\.taken).min()) }
    }

    /// Closes all of them: their log is about to be closed.
    func endAll() {
        for engine in state.withLock({ $0.entries.values.compactMap(\.engine) }) { try? engine.close() }
    }
}
