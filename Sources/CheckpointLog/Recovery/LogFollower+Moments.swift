import SystemPackage

/// A reader's view of one moment, with its files open: neither a later refresh nor any writer can take anything away
/// from it.
extension LogFollower {
    /// A log as a reader sees it.
    package struct Moment: Sendable {
        package var manifest: Manifest
        /// The segments of the chain, and where the moment ends in each.
        package var chain: [(name: SegmentName, end: Int)]
        /// The large values that a record refers to which is not freed.
        package var values: [SegmentNumber]
        /// The files of all these.
        package var files: [SegmentNumber: any OpenFile]
    }

    /// A view of the log now.
    ///
    /// - Throws: as ``refresh(isForced:)``; `.ioFailure` where the process may not have so many files open.
    /// - Complexity: O(n) in the segments and large values.
    package func frozenView() throws -> LogView {
        try atOneMoment { state in
            let (view, catalog) = (view, RecordCatalog(freezing: view.catalog))
            let pinned = try open(state.told, catalog.liveValues)
            return LogView(identity, configuration, copying: view, catalog: catalog, pinned: pinned)
        }
    }

    /// All that a copy of the log needs.
    ///
    /// - Throws: as ``refresh(isForced:)``; `.ioFailure` where the process may not have so many files open.
    /// - Complexity: O(n) in the segments, the large values, and the bytes of the chain.
    package func moment() throws -> Moment {
        try atOneMoment { state in
            let manifest = state.manifest
            let sealed = manifest.segments.map(\.name)
            let chain = try chain(of: state)
            let segments = sealed + chain.map(\.name)
            let catalog = view.catalog
            let values = catalog.values.referenced(in: Set(segments.map(\.identifier)))
            // A power cut may have taken a value that was dead, and so did not have to be durable.
            let files = try open(Set(segments), values, goingWithout: catalog.deadUnsyncedValues)
            return Moment(
                manifest: manifest, chain: chain, values: values.filter { files[$0] != nil }, files: files)
        }
    }

    /// The chain up to where everything is in the catalog.
    private func chain(of state: State) throws -> [(name: SegmentName, end: Int)] {
        guard let end = state.end, end.segment > state.manifest.lastSealed else { return [] }
        let listing = try wrapping { () throws(FileSystemError) in try LogDirectory(identity.directory) }
        let reader = ChainReader(
            identity: identity, lastSealed: state.manifest.lastSealed, position: state.position, stop: end)
        let parts = try reader.read(listing.chain(after: state.manifest)) { _, _ in }.parts
        guard let last = parts.last, last.name.identifier == end.segment, last.end == Int(end.offset) else {
            throw CheckpointLogError.damaged(
                "What was read of the log a moment ago does not read back.",
                path: identity.path(SegmentName(end.segment, .log)).string, offset: parts.last?.end ?? 0)
        }
        return parts.map { ($0.name, $0.end) }
    }

    /// Runs `body` with what is known once it is the log at one moment, and again where a file was gone by then.
    private func atOneMoment<Result>(_ body: (State) throws -> Result) throws -> Result {
        try state.withLock { state in
            for attempt in 1..<Self.attempts {
                let before = generation
                try refresh(&state, isForced: attempt > 1 || !state.isOneMoment)
                guard state.isOneMoment else { continue }
                do {
                    return try body(state)
                } catch let error as CheckpointLogError where Self.isRace(error) {
                    // A compaction or the freeing of a value removed a file that the index still names, and the next
                    // refresh learns of it. The latter changes no manifest.
                    let isAtRest = try generation == before && PositionStatement.read(identity) == state.position
                    if attempt >= Self.attemptsAtRest, isAtRest { throw error }
                }
            }
            guard state.isOneMoment else { throw CheckpointLogError.changesTooFast }
            return try body(state)
        }
    }

    /// Opens segments and the files of large values. A salvage goes without whatever is missing, others without values
    /// that nobody wants.
    private func open(
        _ segments: Set<SegmentName>, _ values: [SegmentNumber], goingWithout unwanted: Set<SegmentNumber> = []
    ) throws -> [SegmentNumber: any OpenFile] {
        var files: [SegmentNumber: any OpenFile] = [:]
        for name in segments + values.map({ SegmentName($0, .value) }) {
            do throws(FileSystemError) {
                files[name.identifier] = try identity.directory.openFile(name, .read)
            } catch
                where error.code == .noSuchFileOrDirectory
                && (isSalvage || (name.role == .value && unwanted.contains(name.identifier)))
            {
                continue
            } catch {
                throw CheckpointLogError(error)
            }
        }
        return files
    }
}
