package import CheckpointLog
package import SystemPackage

/// Everything that can be done with a log whose files may hold anything: each way must end in a value or an error.
package struct LogSurvey: Sendable {
    package enum Way: String, CaseIterable, Sendable {
        case writing, reading, salvage, verification
    }

    package enum Outcome: Equatable, Sendable {
        /// Opened, everything in it asked for, and closed; so many checkpoints were given.
        case opened(restored: Int)
        case refused(CheckpointLogError.Code)
        /// The exit code of the verification.
        case verified(Int)
        /// An error of another kind: what must never be.
        case wrong(String)

        package var isWrong: Bool { if case .wrong = self { true } else { false } }
    }

    private let log: FilePath
    private let fileSystem: any FileSystem

    package init(log: FilePath, fileSystem: any FileSystem) {
        self.log = log
        self.fileSystem = fileSystem
    }

    package static func configuration(_ fileSystem: any FileSystem) -> Configuration {
        var configuration = Configuration()
        configuration.fileSystem = fileSystem
        configuration.runsInline = true
        configuration.compactsAutomatically = false
        configuration.segmentByteLimit = 64 << 10
        configuration.largeValueByteCount = 4 << 10
        configuration.snapshotByteCount = 0
        configuration.randomSeed = 9
        configuration.now = { 1_700_000_000_000_000 }
        return configuration
    }

    package func look(_ way: Way) -> Outcome {
        do {
            switch way {
            case .writing: return .opened(restored: try write())
            case .reading: return .opened(restored: try read(isSalvage: false))
            case .salvage: return .opened(restored: try read(isSalvage: true))
            case .verification:
                let report = LogVerifier(directory: log, level: .deep, fileSystem: fileSystem, threadCount: 1).run()
                for finding in report.findings where "\(finding)".contains("\n") {
                    return .wrong("a finding of more than one line: \(finding)")
                }
                return .verified(report.exitCode)
            }
        } catch let error as CheckpointLogError {
            return "\(error)".contains("\n") ? .wrong("an error of more than one line: \(error)") : .refused(error.code)
        } catch {
            return .wrong("\(way): \(error)")
        }
    }

    private func write() throws -> Int {
        let engine = try LogEngine.open(at: log, Self.configuration(fileSystem))
        defer { engine.abandon() }
        let count = restoreAll(engine)
        _ = try engine.append([1, 2, 3], try engine.attributes(1).adding(.raw), key: "new")
        do {
            try engine.requireWriter().maintenance.compact(fully: true)
        } catch let error as CheckpointLogError where error.code == .damaged {
            // What an opening does not read is met by compaction, which then leaves the segment alone.
        }
        try engine.close()
        return count
    }

    private func read(isSalvage: Bool) throws -> Int {
        let engine = try LogEngine.openForReading(
            at: log, Self.configuration(fileSystem), isSalvage: isSalvage)
        defer { engine.abandon() }
        let count = restoreAll(engine)
        try engine.refresh(isForced: true)
        return count
    }

    /// Asks for everything that the index holds; what is damaged may say so.
    private func restoreAll(_ engine: LogEngine) -> Int {
        var count = 0
        engine.catalog.index.forEach { _, entry, _ in
            guard let found = try? engine.frames.header(at: entry.location), found.header.kind.hasKey else { return }
            let key = CheckpointKey(String(decoding: found.key, as: UTF8.self))
            let query = RecordQuery(key: key, level: found.header.level, version: .sequence(entry.sequenceNumber))
            if (try? unsafe engine.withContent(query) { $1.count }) != nil { count += 1 }
            if found.header.kind == .group, let group = engine.catalog.groups.group(found.hash(engine)) {
                for member in group.members { _ = try? engine.frames.header(at: member.location) }
            }
        }
        _ = try? engine.checkpoints(level: nil)
        return count
    }
}

extension FoundHeader {
    fileprivate func hash(_ engine: LogEngine) -> KeyHash {
        unsafe key.withUnsafeBytes { key in
            unsafe KeyHash(
                engine.identity.hashSecret, level: header.level, origin: .empty, key: key, space: .group)
        }
    }
}
