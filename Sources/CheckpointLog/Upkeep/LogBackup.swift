import SystemPackage

/// A log at one moment: its segments, and the files of the large values that their records refer to.
package struct LogMoment: Sendable {
    /// A segment of the chain, which the log may go on in.
    package struct Part: Sendable {
        package var name: SegmentName
        /// Where its frames of the moment end.
        package var end: Int

        package init(_ name: SegmentName, end: Int) {
            self.name = name
            self.end = end
        }
    }

    /// With no other segments than those of the moment, and with the last one of the chain as the last one sealed.
    package var manifest: Manifest
    /// What is not sealed. Empty where the writer makes the backup: it seals what it has.
    package var chain: [Part]
    package var values: [SegmentNumber]
    /// The segment that the log goes on in, which a copy does not have.
    package var next: SegmentNumber
    /// Microseconds since 1970-01-01 UTC.
    package var time: Int64
    /// Files that were opened at the moment, since a writer elsewhere may remove them.
    package var files: [SegmentNumber: any OpenFile]

    package init(
        manifest: Manifest, chain: [Part] = [], values: [SegmentNumber], next: SegmentNumber, time: Int64,
        files: [SegmentNumber: any OpenFile] = [:]
    ) {
        self.manifest = manifest
        self.chain = chain
        self.values = values
        self.next = next
        self.time = time
        self.files = files
    }

    var names: [SegmentName] { manifest.segments.map(\.name) + values.map { SegmentName($0, .value) } }
}

/// Makes a directory a copy of a log at one moment.
///
/// Segments never change once they are sealed, so an earlier backup only lacks new ones. The backup puts them beside
/// the others, complete and durable. One replacement of the manifest then makes them count, and what it does not name
/// is removed. If the backup is interrupted at any point, the directory holds the earlier backup or the new one.
package struct LogBackup {
    private let source: LogIdentity
    private let target: any OpenDirectory
    private var moment: LogMoment
    private let note: (_ done: Int, _ total: Int) -> Void
    private var report = BackupReport()

    /// How many bytes to copy at a time.
    private static let chunkByteCount = 1 << 20

    /// - Parameters:
    ///   - target: the directory of the copy, whose lock the caller holds.
    ///   - note: called with the bytes that are in place, and their total.
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
    package mutating func run() throws -> BackupReport {
        let listing = try wrapping { () throws(FileSystemError) in try LogDirectory(target) }
        var known = try knownBackup(listing)
        for name in listing.temporaries { try wrapping { () throws(FileSystemError) in try target.remove(name) } }
        if let manifest = known { known = try endChain(of: manifest) }
        let sizes = try moment.names.map { try byteCount(of: $0) }
        report.byteCount = sizes.reduce(0, +) + moment.chain.reduce(0) { $0 + $1.end }
        var done = 0
        for (name, byteCount) in zip(moment.names, sizes) {
            if listing.segments.contains(name), isSame(name, byteCount, in: known) {
                report.keptFileCount += 1
            } else {
                try put(name, byteCount, isThere: listing.segments.contains(name), from: done)
            }
            done += byteCount
            note(done, report.byteCount)
        }
        try wrapping { () throws(FileSystemError) in try target.sync() }
        try sealChain(listing, known, from: done)
        try commit(over: known)
        removeOthers(listing)
        return report
    }

    /// Writes the chain's records as sealed segments.
    ///
    /// They cannot have the numbers of the chain's own: the next backup brings these with all that they came to hold,
    /// while the manifest of this one must stay right until it is replaced.
    private mutating func sealChain(_ listing: LogDirectory, _ known: Manifest?, from start: Int) throws {
        var place = source
        place.directory = target
        let numbers = (listing.segments + (known?.segments ?? []).map(\.name) + moment.names).map(\.identifier)
        var number = max(numbers.max() ?? 0, SegmentName.firstOfCopies).advanced(by: 1)
        guard number.advanced(by: UInt32(clamping: moment.chain.count)) < .max else {
            throw refusal("its segment numbers are used up")
        }
        var done = start
        for part in moment.chain {
            if let segment = try seal(part, as: SegmentName(number, .output), in: place) {
                moment.manifest.segments.append(segment)
                report.copiedFileCount += 1
                report.copiedByteCount += segment.byteCount
                number = number.next
            }
            done += part.end
            note(done, report.byteCount)
        }
    }

    /// - Returns: the segment, complete and durable; nil if nothing of `part` is for a copy.
    private func seal(_ part: LogMoment.Part, as name: SegmentName, in place: LogIdentity) throws -> Manifest.Segment? {
        guard let file = moment.files[part.name.identifier] else { throw missing(part.name) }
        let output = try OutputSegment(identity: place, name: name, created: moment.time)
        do {
            let seed = source.seed(of: part.name.identifier)
            var scanner = SegmentScanner(file, seed: seed, end: part.end)
            let end = try scanner.scan { frame in
                guard frame.header.kind.isCopied else { return }
                let entry = SegmentFooter.Entry(frame.header, offset: frame.offset, value: try frame.valueFile())
                _ = try output.append(copyOf: frame, entry)
            }
            guard end.offset == part.end else {
                throw CheckpointLogError.damaged(
                    "The log cannot be backed up: what was read of it a moment ago does not read back.",
                    path: file.path.string, offset: end.offset)
            }
            guard output.byteCount > SegmentHeader.byteCount else {
                output.abandon()
                return nil
            }
            return try output.finish()
        } catch {
            output.abandon()
            throw error
        }
    }

    /// The manifest of an earlier backup of this log; nil if the directory is empty, or has what a backup that was
    /// cut off has left.
    private func knownBackup(_ listing: LogDirectory) throws -> Manifest? {
        guard let known = try Manifest.read(in: target) else {
            // A power cut can leave some of them without their content, but not all: the log has sealed segments.
            if let first = listing.segments.first, try !listing.segments.contains(where: isOfThisLog) {
                throw refusal("it holds \(first), which is not of this log")
            }
            return nil
        }
        guard known.identifier == source.identifier else { throw refusal("it holds another log") }
        guard known.newestOpening.map({ moment.manifest.ancestry(of: $0) != .differs }) ?? true,
            listing.chain(after: known).isEmpty
        else { throw refusal("it holds a log that began as a copy of this one and has gone on by itself") }
        return known
    }

    private func isOfThisLog(_ name: SegmentName) throws -> Bool {
        let file = try wrapping { () throws(FileSystemError) in try target.openFile(name, .read) }
        defer { file.close() }
        let head = try wrapping { () throws(FileSystemError) in try file.bytes(0..<SegmentHeader.byteCount) }
        return try head.map { try SegmentHeader($0, of: source.identifier, path: file.path.string) != nil } ?? false
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

    /// Refuses the log's own directory, and one with files that are no log's, before anything is made in it.
    package static func requireNothingElse(in target: any OpenDirectory, than source: any OpenDirectory) throws {
        guard target.placeIdentifier != source.placeIdentifier else { throw refusal(target, "it is the log itself") }
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
            if let file = moment.files[name.identifier] { return try file.byteCount() }
            return try length(of: name, in: source.directory)
        } catch {
            throw error.code == .noSuchFileOrDirectory ? missing(name) : CheckpointLogError(error)
        }
    }

    private func missing(_ name: SegmentName) -> CheckpointLogError {
        .damaged(
            "A file of the log is missing, so it cannot be backed up: run log-verify.", path: source.path(name).string)
    }

    private mutating func put(_ name: SegmentName, _ byteCount: Int, isThere: Bool, from done: Int) throws {
        // What no manifest names is what a backup that was cut off has left.
        if isThere { try wrapping { () throws(FileSystemError) in try target.remove(name) } }
        if try link(name) {
            report.linkedFileCount += 1
        } else {
            try copy(name, byteCount, from: done)
            report.copiedFileCount += 1
            report.copiedByteCount += byteCount
        }
    }

    /// Gives a file of the log a second name; false if that cannot be.
    private func link(_ name: SegmentName) throws -> Bool {
        let opened = moment.files[name.identifier]
        do throws(FileSystemError) {
            guard try source.directory.link(name.fileName, to: name.fileName, in: target) else { return false }
            // The writer may not have synced a value yet.
            if name.role == .value { try opened?.sync() }
            return true
        } catch  where opened != nil && error.code == .noSuchFileOrDirectory {
            // The writer has removed it since: its content is still there.
            return false
        } catch {
            throw CheckpointLogError(error)
        }
    }

    private func copy(_ name: SegmentName, _ byteCount: Int, from done: Int) throws {
        let opened = moment.files[name.identifier]
        let file = try wrapping { () throws(FileSystemError) in
            if let opened { return opened }
            return try source.directory.openFile(name, .read)
        }
        defer { if opened == nil { file.close() } }
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
                note(done + offset, report.byteCount)
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
        try? target.remove(FileName.snapshot)
        try? target.sync()
    }
}
