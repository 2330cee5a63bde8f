import Logging
import SystemPackage

extension Maintenance {
    /// Seals the segments that wait for it, oldest first.
    package func sealAll() throws { try sealTurn.withLock { _ in try sealInTurn() } }

    private func sealInTurn() throws {
        if appender.unsealedCount > 0 { _ = regainReserve() }
        while let rolled = appender.nextUnsealed {
            let metadata: Logger.Metadata = ["segment": "\(rolled.segment.name)"]
            configuration.logger?.debug("sealing a segment", metadata: metadata)
            while rolled.segment.hasPendingEntries { NamedThread.yield() }
            let copied = try poisoning { try sealByCopying(rolled) }
            if copied == nil {
                try sync.waitUntilSynced(LogPosition(segment: rolled.segment.name.identifier, offset: rolled.end))
                try poisoning { try seal(rolled) }
            }
            appender.didSeal(rolled)
            rolled.segment.file.close()
            if let copied {
                compactor.didFreeCopied()
                note(copied)
            }
            configuration.logger?.debug("sealed a segment", metadata: metadata)
            noteSegment()
        }
    }

    /// Seals what is left of a segment, if that is little; see ``Compactor/sealByCopying(_:)``. A full disk may have
    /// room for a footer, and none for a copy.
    private func sealByCopying(_ rolled: LogAppender.Rolled) throws -> CompactionOutcome? {
        guard configuration.compactsAutomatically, appender.gate.isOpen else { return nil }
        return try compactor.sealByCopying(rolled)
    }

    private func seal(_ rolled: LogAppender.Rolled) throws {
        // Whether that goes well or not: appends wait for it.
        defer { _ = regainReserve() }
        try appender.reserve.spending(appender.gate) {
            let (name, file) = (rolled.segment.name, rolled.segment.file)
            let footer = try LogFooters.footer(ofUnsealed: name, file, end: rolled.end, identity: appender.identity)
            try SegmentSealer.seal(name, file, footer, end: rolled.end, manifest: appender.manifest)
        }
    }

    /// Closes the log for writing if `body` fails for good.
    private func poisoning<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as CheckpointLogError where error.canBeTriedAgain {
            // Nothing was lost: the segment stays in the chain, and the next roll or the closing tries again.
            throw error
        } catch {
            appender.poison(
                error as? CheckpointLogError
                    ?? CheckpointLogError(code: .ioFailure, message: "A segment could not be sealed.", cause: error))
            throw error
        }
    }
}
