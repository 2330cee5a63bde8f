package import SystemPackage

extension LogEngine {
    /// Copies the log as it is at one moment within this call. This process, or another one, may write and compact it
    /// meanwhile.
    package func backUp(to path: FilePath, _ note: @escaping (_ done: Int, _ total: Int) -> Void) throws -> BackupReport
    {
        try checkOpen()
        guard !isSnapshot else {
            throw CheckpointLogError.unsupported(
                "A snapshot cannot be backed up; back up the log that it is of.")
        }
        guard follower?.isSalvage != true else {
            throw CheckpointLogError.unsupported(
                "The log is open for salvage, and a copy would have the same damage; load it into a new log instead.")
        }
        let writer = follower == nil ? try requireWriter() : nil
        try Self.makeDirectory(path, in: identity.fileSystem)
        let target = try wrapping { () throws(FileSystemError) in try identity.fileSystem.openDirectory(path) }
        try LogBackup.requireNothingElse(in: target, than: identity.directory)
        let lock = try Self.takeLock(in: target)
        defer { lock.unlock() }
        try wrapping { () throws(FileSystemError) in try target.syncParent() }
        guard let writer else { return try backUp(try moment(), to: target, note) }
        let hold = writer.held.begin()
        defer { writer.letGo(hold) }
        let moment = try waitingForRoom(.long) {
            try writer.maintenance.compactor.whileSealingPlainly { try self.moment(of: writer) }
        }
        writer.held.settle(hold, below: writer.manifest.nextSegment)
        return try backUp(moment, to: target, note)
    }

    private func backUp(
        _ moment: LogMoment, to target: any OpenDirectory, _ note: @escaping (_ done: Int, _ total: Int) -> Void
    ) throws -> BackupReport {
        var backup = LogBackup(of: identity, to: target, moment: moment, note: note)
        return try backup.run()
    }

    /// The log as a reader knows it now.
    private func moment() throws -> LogMoment {
        guard let follower else { throw CheckpointLogError.closed }
        let known = try follower.moment()
        var manifest = known.manifest
        // The copy stores the chain's records in segments with other numbers, because its own log continues after them.
        if let last = known.chain.last { manifest.lastSealed = max(manifest.lastSealed, last.name.identifier) }
        let next = max(manifest.nextSegment, manifest.lastSealed.advanced(by: 1))
        guard next < SegmentName.numberLimit else {
            throw CheckpointLogError.unsupported("The segment numbers of this log are used up; load it into a new one.")
        }
        manifest.nextSegment = next.next
        return LogMoment(
            manifest: manifest, chain: known.chain.map { LogMoment.Part($0.name, end: $0.end) }, values: known.values,
            next: next, time: configuration.now(), files: known.files)
    }

    /// The log as it is now, all of it in sealed segments. The caller holds compaction off.
    private func moment(of writer: Writer) throws -> LogMoment {
        let cut = try writer.appender.cut()
        try writer.maintenance.sealAll()
        // A large batch reaches the manifest before the index.
        for segment in cut.sealed {
            while catalog.usage.isHeld(segment.name.identifier) { NamedThread.yield() }
        }
        let sealed = Set(cut.sealed.map(\.name))
        var manifest = writer.manifest.current
        manifest.segments.removeAll { segment in
            !sealed.contains(segment.name) && (segment.name.role != .log || segment.name.identifier >= cut.next)
        }
        if manifest.lastSealed >= cut.next { manifest.lastSealed = cut.previous }
        let numbers = Set(manifest.segments.map(\.name.identifier))
        return LogMoment(
            manifest: manifest, values: catalog.values.referenced(in: numbers), next: cut.next,
            time: configuration.now())
    }
}
