import Logging
package import SystemPackage

extension LogEngine {
    /// Opens the log at `directory` for writing, and creates it if there is none.
    package static func open(at directory: FilePath, _ configuration: Configuration) throws -> LogEngine {
        try configuration.validate()
        var configuration = configuration
        configuration.fileSystem = configuration.fileSystem.forWriting(
            followsUmask: configuration.filePermissions == .umask)
        try configuration.keep(toFilesOf: configuration.fileSystem.fileByteLimit)
        let fileSystem = configuration.fileSystem
        try makeDirectory(directory, in: fileSystem)
        let directory = try wrapping { () throws(FileSystemError) in try fileSystem.openDirectory(directory) }
        let lock = try takeLock(in: directory)
        do {
            // An opening can stop anywhere and begin again. So if it finds no room, it begins again.
            return try SpaceReserve(directory).spending {
                try open(at: directory, configuration, lock: lock)
            }
        } catch {
            lock.unlock()
            throw error
        }
    }

    private static func open(
        at directory: any OpenDirectory, _ configuration: Configuration, lock: any FileLock
    ) throws -> LogEngine {
        let listing = try wrapping { () throws(FileSystemError) in try LogDirectory(directory) }
        let known = try knownManifest(directory, listing)
        if known == nil {
            // Before the first manifest, whoever created the directory: if its name is lost, so is the log.
            try wrapping { () throws(FileSystemError) in try directory.syncParent() }
        }
        let manifest = known ?? newManifest(configuration)
        var identity = LogIdentity(
            fileSystem: configuration.fileSystem, directory: directory, identifier: manifest.identifier,
            hashSecret: manifest.hashSecret)
        identity.laneCount = configuration.laneCount
        var report = RecoveryReport()
        let policies: LogPolicies
        if let known {
            (policies, report.policyChanges) = LogPolicies(known.policies, configuration).stating(configuration)
        } else {
            policies = LogPolicies(newLog: configuration)
        }
        let view = LogView(identity, configuration, policies)
        let position = try wrapping { () throws(FileSystemError) in try PositionStatement.read(identity) }?
            .possible(in: manifest)
        let loader = LogLoader(
            identity: identity, manifest: manifest, directory: listing, catalog: view.catalog, isSalvage: false)
        let outcome = try loader.load(position: position, into: &report)
        let highest = max(listing.highestSegment, manifest.lastSealed)
        guard max(highest, manifest.nextSegment) < SegmentName.numberLimit else {
            throw CheckpointLogError.unsupported(
                "The segment numbers of this log are used up; open it for reading, and load it into a new one.")
        }
        let manifestFile = ManifestFile(manifest, in: directory, lock: lock, firstSegment: highest.next)
        let repair = LogRepair(identity: identity, manifest: manifestFile)
        let synced = position.flatMap { outcome.damage == nil ? $0.synced : nil }
        let chain = Set(outcome.parts.map(\.name.identifier))
        let values = view.catalog.unsyncedVersions.filter { version in
            chain.contains(version.location.segment)
                && outcome.knownSynced.map { version.location.position >= $0 } ?? true
        }
        let cleaning = repair.removeUnfinishedSnapshot(listing)
        let sealing = Result {
            // A new log has no segments, and no name that must be durable by now.
            guard known != nil else { return }
            try repair.sealChain(
                outcome, synced: synced, values: values.map(\.segment), catalog: view.catalog, report: &report)
        }
        // From the next step on the log may write a snapshot itself.
        cleaning?.join()
        try sealing.get()
        if let known {
            report.possiblyLost = outcome.possiblyLost(position, cutByteCount: report.cutByteCount, manifest: known)
        }
        try repair.removeOrphans(listing, referenced: view.catalog.values.referencedSegments, report: &report)
        for segment in manifestFile.current.segments { view.files.add(segment.name) }
        if let known, policies.retentions != Retentions(known.policies) {
            try LogLoader.giveUpLostValues(view, identity)
        }
        let writer = try makeWriter(
            identity, configuration, lock: lock, manifest: manifestFile, view: view,
            hasSoundPosition: position?.isSound == true,
            lastTimestamp: startTime(after: outcome.lastTimestamp, configuration.now()),
            snapshots: SnapshotSchedule(
                leastByteCount: configuration.snapshotByteCount, replayedByteCount: report.replayedByteCount,
                keyCount: report.snapshotKeyCount))
        say(report, configuration)
        return LogEngine(
            .writer(writer, view), identity: identity, configuration: configuration, report: report)
    }

    /// If a writer changes the log during an opening for reading, the opening begins again, at most this often.
    private static let readingAttempts = LogFollower.attempts

    /// Opens the log at `directory` for reading, as it stands now.
    package static func openForReading(
        at directory: FilePath, _ configuration: Configuration, isSalvage: Bool
    ) throws -> LogEngine {
        try configuration.validate()
        let directory = try configuration.fileSystem.existingDirectory(directory)
        func generation() -> UInt64? { (try? Manifest.read(in: directory))?.generation }
        for attempt in 1..<readingAttempts {
            let before = generation()
            do {
                let engine = try openAsItStands(directory, configuration, isSalvage: isSalvage)
                if engine.report.damage.isEmpty || generation() == before { return engine }
            } catch let error as CheckpointLogError where LogFollower.isRace(error) {
                // Between the reading of the manifest and of its files, a seal or a compaction may have replaced the
                // manifest, or another writer's opening may have removed unused segments.
                if attempt >= LogFollower.attemptsAtRest, generation() == before { throw error }
            }
        }
        return try openAsItStands(directory, configuration, isSalvage: isSalvage)
    }

    private static func openAsItStands(
        _ directory: any OpenDirectory, _ configuration: Configuration, isSalvage: Bool
    ) throws -> LogEngine {
        let listing = try wrapping { () throws(FileSystemError) in try LogDirectory(directory) }
        guard let known = try knownManifest(directory, listing) else {
            throw CheckpointLogError.notALog(path: directory.path.string, "it has no \(FileName.manifest).")
        }
        var identity = LogIdentity(
            fileSystem: configuration.fileSystem, directory: directory, identifier: known.identifier,
            hashSecret: known.hashSecret)
        identity.laneCount = configuration.laneCount
        var report = RecoveryReport()
        let follower = try LogFollower(
            identity, configuration, isSalvage: isSalvage, known: known, into: &report)
        return LogEngine(.follower(follower), identity: identity, configuration: configuration, report: report)
    }

    /// A log without a directory: every level is of the memory.
    package static func inMemory(_ configuration: Configuration) throws -> LogEngine {
        try configuration.validate()
        let manifest = newManifest(configuration)
        var identity = LogIdentity(
            fileSystem: configuration.fileSystem, directory: AbsentDirectory(), identifier: manifest.identifier,
            hashSecret: manifest.hashSecret)
        identity.laneCount = configuration.laneCount
        return LogEngine(
            .memory(LogView(identity, configuration, LogPolicies(newLog: configuration))), identity: identity,
            configuration: configuration, report: RecoveryReport())
    }

    /// The manifest; nil if there is no log yet.
    private static func knownManifest(
        _ directory: any OpenDirectory, _ listing: LogDirectory
    ) throws -> Manifest? {
        let manifest = try Manifest.read(in: directory)
        if manifest == nil, !listing.segments.isEmpty {
            throw CheckpointLogError.damaged(
                "The manifest is missing, but segments are there; put it back, or move the segments away.",
                path: directory.path.appending(FileName.manifest).string)
        }
        return manifest
    }

    static func makeDirectory(_ directory: FilePath, in fileSystem: any FileSystem) throws {
        do throws(FileSystemError) {
            try fileSystem.createDirectory(directory)
        } catch  where error.code == .fileExists {
            // If the path is not a directory, the next call says so.
        } catch {
            throw CheckpointLogError(error)
        }
    }

    static func takeLock(in directory: any OpenDirectory) throws -> any FileLock {
        switch try wrapping({ () throws(FileSystemError) in try directory.lock(FileName.lock) }) {
        case .acquired(let lock):
            return lock
        case .held(let holder):
            throw CheckpointLogError.locked(path: directory.path.appending(FileName.lock).string, holder: holder)
        }
    }

    private static func newManifest(_ configuration: Configuration) -> Manifest {
        var generator = SystemRandomNumberGenerator()
        var words = (0..<4).map { _ in generator.next() }
        if let seed = configuration.randomSeed { words = (1...4).map { seed &* UInt64($0) &+ 0x9E37_79B9_7F4A_7C15 } }
        return Manifest(
            identifier: LogIdentifier(high: words[0], low: words[1]),
            hashSecret: HashSecret(first: words[2], second: words[3]))
    }

    /// Weak, because maintenance holds the appender, which notifies it, and the index.
    private struct WeakMaintenance {
        weak var maintenance: Maintenance?
    }

    private static func makeWriter(
        _ identity: LogIdentity, _ configuration: Configuration, lock: any FileLock, manifest: ManifestFile,
        view: LogView, hasSoundPosition: Bool, lastTimestamp: Int64, snapshots: SnapshotSchedule
    ) throws -> Writer {
        let (catalog, files) = (view.catalog, view.files)
        let (epoch, active) = try wrapping { () throws(FileSystemError) in
            let epoch = try manifest.reserveEpoch(policies: view.policies.recorded) { epoch in
                var generator = SystemRandomNumberGenerator()
                return configuration.randomSeed.map { $0 &+ UInt64(epoch) &* 0x9E37_79B9_7F4A_7C15 } ?? generator.next()
            }
            // Where the page gets a new name, one sync of the directory is for both. If only the page's survives a
            // power cut, it states the beginning of a segment that is not there: an empty one that was removed.
            let active = try firstSegment(
                identity, configuration, manifest, epoch: epoch, syncsName: hasSoundPosition)
            try active.file.sync()
            return (epoch, active)
        }
        let start = LogPosition(segment: active.name.identifier, offset: SegmentHeader.byteCount)
        let position = try wrapping { () throws(FileSystemError) in
            try PositionPage.make(
                identity, start: start, generation: manifest.current.generation, replacesSound: hasSoundPosition,
                mapping: configuration.usesMapping)
        }
        manifest.state(in: position)
        // From here on the position is this writer's, and nothing after it is for readers.
        lock.announce()
        let notes = Lock(WeakMaintenance())
        let held = HeldFiles(identity.directory)
        let appender = LogAppender(
            identity: identity,
            limits: .init(
                segmentByteCount: configuration.segmentByteLimit, usesMapping: configuration.usesMapping),
            manifest: manifest, position: position, active: active, epoch: epoch, lastTimestamp: lastTimestamp,
            gate: makeGate(identity, configuration, manifest, catalog, held),
            unsyncedValues: UnsyncedValues { catalog.isDeadValue($0) },
            now: configuration.now, onRoll: { notes.withLock { $0.maintenance }?.noteRoll() })
        let sync = SyncQueue(
            appender, runsInline: configuration.runsInline,
            onSync: { notes.withLock { $0.maintenance }?.noteValues() })
        let compactor = Compactor(
            catalog: catalog, files: files, held: held, appender: appender, isThrottled: !configuration.runsInline,
            logger: configuration.logger
        ) {
            try sync.waitUntilSynced($0)
        }
        let values = ValueReclaimer(
            catalog: catalog, held: held, appender: appender, logger: configuration.logger,
            deadByteLimit: configuration.deadValueByteLimit,
            // Whoever writes next is told of a failure.
            startSync: { sync.whenSynced($0) { _ in } }, waitUntilSynced: { try sync.waitUntilSynced($0) })
        let maintenance = Maintenance(
            appender: appender, sync: sync, compactor: compactor, values: values, catalog: catalog,
            configuration: configuration, snapshots: snapshots)
        notes.withLock { $0.maintenance = maintenance }
        maintenance.start()
        let records = RecordWriter(
            identity: identity,
            limits: .init(
                segmentByteCount: configuration.segmentByteLimit, valueByteCount: configuration.valueByteLimit,
                frameContentByteCount: configuration.largeValueLimit),
            manifest: manifest, appender: appender, syncWritten: { try sync.waitUntilSynced(appender.writtenPosition) })
        return Writer(
            lock: lock, manifest: manifest, position: position, appender: appender, records: records, sync: sync,
            maintenance: maintenance, held: held)
    }

    private static func makeGate(
        _ identity: LogIdentity, _ configuration: Configuration, _ manifest: ManifestFile, _ catalog: RecordCatalog,
        _ held: HeldFiles
    ) -> RoomGate {
        guard let limit = configuration.spaceLimit else { return RoomGate() }
        return RoomGate(
            limit: .init(byteCount: limit, segmentByteCount: configuration.segmentByteLimit) {
                let sealed = manifest.current.segments.reduce(0) { $0 + $1.byteCount }
                let values = catalog.values.byteCounts { _ in true }.total
                let others = [FileName.reserve, FileName.snapshot].reduce(0) { sum, name in
                    let file = try? identity.directory.openFile(name, .read)
                    defer { file?.close() }
                    return sum + ((try? file?.byteCount()) ?? 0)
                }
                return sealed + values + others + held.byteCount
            })
    }

    /// The segment in which an opening continues. If the disk has no room to preallocate it, each frame allocates its
    /// own blocks: a full disk must not prevent opening a log in order to make it smaller.
    private static func firstSegment(
        _ identity: LogIdentity, _ configuration: Configuration, _ manifest: ManifestFile, epoch: UInt32,
        syncsName: Bool
    ) throws(FileSystemError) -> ActiveSegment {
        let capacity = configuration.segmentByteLimit
        func segment(reserving: Int?) throws(FileSystemError) -> ActiveSegment {
            try ActiveSegment.create(
                identity, number: try manifest.reserveSegmentNumber(), previous: manifest.current.lastSealed,
                epoch: epoch, capacity: capacity, reserving: reserving,
                mapping: configuration.usesMapping, syncsName: syncsName, created: configuration.now())
        }
        do throws(FileSystemError) {
            return try segment(reserving: ActiveSegment.firstReserve(capacity: capacity))
        } catch  where error.isDiskFull && error.operation == .reserve {
            return try segment(reserving: nil)
        } catch {
            throw error
        }
    }

    private static func say(_ report: RecoveryReport, _ configuration: Configuration) {
        guard let logger = configuration.logger else { return }
        if let tail = report.tornTail { logger.notice("an unfinished write was cut off", metadata: ["at": "\(tail)"]) }
        if let lost = report.possiblyLost {
            logger.warning(
                "checkpoints that were written and not synced may be lost",
                metadata: ["from": "\(lost.lowerBound)", "through": "\(lost.upperBound)"])
        }
        for change in report.policyChanges {
            logger.log(level: change.keptVersions ? .warning : .notice, "\(change)")
        }
        if !report.orphans.isEmpty { logger.info("leftovers were removed", metadata: ["files": "\(report.orphans)"]) }
        if !report.foreignFiles.isEmpty {
            logger.warning("foreign files are left alone", metadata: ["files": "\(report.foreignFiles)"])
        }
    }

    /// The least time for records of this opening: that of the newest record before them. If that is far ahead of the
    /// clock, the clock was wrong then, and the time is ignored; otherwise one wrong clock would date everything after
    /// it.
    package static func startTime(after stored: Int64, _ now: Int64) -> Int64 {
        let day = Duration.seconds(86_400).microseconds
        let (ahead, isOver) = stored.subtractingReportingOverflow(now)
        return stored > now && (isOver || ahead > day) ? now : stored
    }
}
