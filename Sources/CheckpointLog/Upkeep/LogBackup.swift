import SystemPackage

/// A log at one moment: sealed segments, and the files of the large values that their records refer to.
package struct LogMoment: Sendable {
    /// With no other segments than those of the moment.
    package var manifest: Manifest
    package var values: [SegmentNumber]
    /// The segment that the log went on in, which a copy does not have.
    package var next: SegmentNumber

    package init(manifest: Manifest, values: [SegmentNumber], next: SegmentNumber) {
        self.manifest = manifest
        self.values = values
        self.next = next
    }

    var names: [SegmentName] { manifest.segments.map(\.name) + values.map { SegmentName($0, .value) } }
}

/// What a copy took.
package struct BackupCounts: Sendable {
    package var byteCount = 0
    package var copiedByteCount = 0
    package var linkedFileCount = 0
    package var copiedFileCount = 0
    /// Files that an earlier backup had.
    package var keptFileCount = 0
}

/// Makes a directory a copy of a log, as the log was at one moment.
///
/// Segments are written once and never again, so a backup that is there already lacks only those that are new. They are
/// put beside the others, complete and durable; then one replacement of the manifest makes them count, and what it does
/// not name goes. Cut off at any point, the directory holds the backup from before or the new one.
package struct LogBackup {
    private let source: LogIdentity
    private let target: any OpenDirectory
    private let moment: LogMoment
    private let note: (_ done: Int, _ total: Int) -> Void
    private var counts = BackupCounts()

    /// Bytes that are copied at a time.
    private static let chunkByteCount = 1 << 20

    /// - Parameters:
    ///   - target: under its lock.
    ///   - note: is told how many bytes of how many are in their place.
    package init(
        of source: LogIdentity, to target: any OpenDirectory, moment: LogMoment,
        note: @escaping (_ done: Int, _ total: Int) -> Void
    ) {
        self.source = source
        self.target = target
        self.moment = moment
        self.note = note
    }

    /// - Throws: `.invalidArgument` for a directory that holds anything else; `.damaged` for a file of the log that is
    ///   not there; `.diskFull`, `.ioFailure`.
    package mutating func run() throws -> BackupCounts {
        let listing = try wrapping { () throws(FileSystemError) in try LogDirectory(target) }
        var known = try knownBackup(listing)
        if let manifest = known { known = try endChain(of: manifest) }
        let sizes = try moment.names.map { try byteCount(of: $0) }
        counts.byteCount = sizes.reduce(0, +)
        var done = 0
        for (name, byteCount) in zip(moment.names, sizes) {
            if listing.segments.contains(name), isSame(name, byteCount, in: known) {
                counts.keptFileCount += 1
            } else {
                try put(name, byteCount, isThere: listing.segments.contains(name), from: done)
            }
            done += byteCount
            note(done, counts.byteCount)
        }
        try wrapping { () throws(FileSystemError) in try target.sync() }
        try commit(over: known)
        removeOthers(listing)
        return counts
    }

    /// The manifest of an earlier backup of this log; nil where the directory is empty, or has what a backup that was
    /// cut off has left.
    private func knownBackup(_ listing: LogDirectory) throws -> Manifest? {
        guard let known = try Manifest.read(in: target) else {
            for name in listing.segments {
                let file = try wrapping { () throws(FileSystemError) in try target.openFile(name, .read) }
                defer { file.close() }
                let head = try wrapping { () throws(FileSystemError) in try file.bytes(0..<SegmentHeader.byteCount) }
                guard let head, try SegmentHeader(head, of: source.identifier, path: file.path.string) != nil else {
                    throw refusal("it holds \(name), which is not of this log")
                }
            }
            return nil
        }
        guard known.identifier == source.identifier else { throw refusal("it holds another log") }
        guard known.newestOpening.map({ moment.manifest.ancestry(of: $0) != .differs }) ?? true,
            listing.chain(after: known).isEmpty
        else { throw refusal("it holds a log that began as a copy of this one and has gone on by itself") }
        return known
    }

    /// Has the earlier backup take no segment for its own that is put beside it: a log goes on in those that follow the
    /// last one that its manifest knows of.
    private func endChain(of known: Manifest) throws -> Manifest {
        guard known.lastSealed < moment.manifest.lastSealed else { return known }
        var ended = known
        ended.lastSealed = moment.manifest.lastSealed
        ended.nextSegment = max(known.nextSegment, moment.manifest.nextSegment)
        ended.generation += 1
        try wrapping { () throws(FileSystemError) in try target.replace(FileName.manifest, with: ended.bytes) }
        return ended
    }

    /// Refuses a directory with files that are no log's, before anything is made in it.
    package static func requireNothingElse(in target: any OpenDirectory) throws {
        let listing = try wrapping { () throws(FileSystemError) in try LogDirectory(target) }
        guard let foreign = listing.foreign.first else { return }
        throw refusal(target, "it holds \(foreign), which is no file of a log")
    }

    private func refusal(_ reason: String) -> CheckpointLogError { Self.refusal(target, reason) }

    private static func refusal(_ target: any OpenDirectory, _ reason: String) -> CheckpointLogError {
        CheckpointLogError(
            code: .invalidArgument,
            message: "The log cannot be backed up to \(target.path): \(reason). Give a new or empty directory, or an "
                + "earlier backup of the same log.")
    }

    /// Whether the file that is there is the one that is wanted: a name of the log stands for one content for ever, and
    /// the manifest says that it is complete. A value's file is complete once it has its name.
    private func isSame(_ name: SegmentName, _ byteCount: Int, in known: Manifest?) -> Bool {
        guard (try? length(of: name, in: target)) == byteCount else { return false }
        guard name.role != .value else { return true }
        let wanted = moment.manifest.segments.first { $0.name == name }
        return known?.segments.contains { $0 == wanted } ?? false
    }

    private func length(of name: SegmentName, in directory: any OpenDirectory) throws(FileSystemError) -> Int {
        let file = try directory.openFile(name, .read)
        defer { file.close() }
        return try file.byteCount()
    }

    private func byteCount(of name: SegmentName) throws -> Int {
        do throws(FileSystemError) {
            return try length(of: name, in: source.directory)
        } catch {
            throw lost(name, error)
        }
    }

    private func lost(_ name: SegmentName, _ error: FileSystemError) -> CheckpointLogError {
        guard error.code == .noSuchFileOrDirectory else { return CheckpointLogError(error) }
        return CheckpointLogError.damaged(
            "A file of the log is missing, so it cannot be backed up: run log-verify.", path: source.path(name).string)
    }

    private mutating func put(_ name: SegmentName, _ byteCount: Int, isThere: Bool, from done: Int) throws {
        // What no manifest names is what a backup that was cut off has left.
        if isThere { try wrapping { () throws(FileSystemError) in try target.remove(name) } }
        let isLinked = try wrapping { () throws(FileSystemError) in
            try source.directory.link(name.fileName, to: name.fileName, in: target)
        }
        if isLinked {
            counts.linkedFileCount += 1
        } else {
            try copy(name, byteCount, from: done)
            counts.copiedFileCount += 1
            counts.copiedByteCount += byteCount
        }
    }

    private func copy(_ name: SegmentName, _ byteCount: Int, from done: Int) throws {
        let file = try wrapping { () throws(FileSystemError) in try source.directory.openFile(name, .read) }
        defer { file.close() }
        let replacement = try wrapping { () throws(FileSystemError) in
            try Replacement(of: name.fileName, in: target)
        }
        defer { replacement.file.close() }
        do throws(FileSystemError) {
            var offset = 0
            while offset < byteCount {
                let end = min(offset + Self.chunkByteCount, byteCount)
                guard let bytes = try file.bytes(offset..<end) else {
                    throw FileSystemError(.read, file.path, .ioError)
                }
                try replacement.file.write(bytes, at: offset)
                offset = end
                note(done + offset, counts.byteCount)
            }
            try replacement.finish(syncsName: false)
        } catch {
            replacement.abandon()
            throw CheckpointLogError(error)
        }
    }

    /// Puts the manifest in its place, which makes the copy one of the new moment.
    private func commit(over known: Manifest?) throws {
        var manifest = moment.manifest
        if let known {
            manifest.generation = known.generation
            if manifest == known { return }
            manifest.generation = max(moment.manifest.generation, known.generation + 1)
        }
        let position = PositionStatement.bytes(
            of: source.identifier, boot: source.fileSystem.bootIdentifier, place: target.placeIdentifier,
            start: LogPosition(segment: moment.next, offset: SegmentHeader.byteCount), generation: manifest.generation)
        try wrapping { () throws(FileSystemError) in
            // A position that is behind its manifest is as good as any, one that is ahead tells of a loss.
            if known == nil { try target.replace(FileName.position, with: position) }
            try target.replace(FileName.manifest, with: manifest.bytes)
            if known != nil { try target.replace(FileName.position, with: position) }
        }
    }

    /// What stays behind is what an opening removes.
    private func removeOthers(_ listing: LogDirectory) {
        let wanted = Set(moment.names)
        for name in listing.segments where !wanted.contains(name) { try? target.remove(name) }
        for name in listing.temporaries + [FileName.snapshot] { try? target.remove(name) }
        try? target.sync()
    }
}
