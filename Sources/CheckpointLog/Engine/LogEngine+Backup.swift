import SystemPackage

extension LogEngine {
    /// Copies the log as it is at one moment within this call, while it is written, compacted and rid of dead values.
    func backUp(to path: FilePath, _ note: @escaping (_ done: Int, _ total: Int) -> Void) throws -> BackupCounts {
        let writer = try requireWriter()
        try Self.makeDirectory(path, in: identity.fileSystem)
        let target = try wrapping { () throws(FileSystemError) in try identity.fileSystem.openDirectory(path) }
        try LogBackup.requireNothingElse(in: target)
        let lock = try Self.takeLock(in: target)
        defer { lock.unlock() }
        try wrapping { () throws(FileSystemError) in try target.syncParent() }
        let hold = writer.held.begin()
        defer { writer.letGo(hold) }
        let moment = try waitingForRoom(.long) {
            try writer.maintenance.compactor.whileIdle { try self.moment(of: writer) }
        }
        writer.held.settle(hold, below: writer.manifest.nextSegment)
        var backup = LogBackup(of: identity, to: target, moment: moment, note: note)
        return try backup.run()
    }

    /// The log as it is now, all of it in sealed segments. While nothing is compacted.
    private func moment(of writer: Writer) throws -> LogMoment {
        let cut = try writer.appender.cut()
        try writer.maintenance.sealAll()
        // A large batch is in the manifest before it is in the index.
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
        return LogMoment(manifest: manifest, values: catalog.values.referenced(in: numbers), next: cut.next)
    }
}
