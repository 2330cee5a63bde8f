import SystemPackage

/// What is left of the segments that were sealed last by copying, if that is little: the copy of the next one takes it
/// in. An ordinary compaction would have to sync everything that was appended since, to drop what is dead of it.
struct Remainder {
    var name: SegmentName?
    var isInUse = false
    /// Callers who need full segments sealed as they are.
    var plainSealCount = 0
    var leftOutByteCount = 0

    /// Begins a copy; false if somebody needs segments sealed as they are.
    mutating func begin() -> Bool {
        if plainSealCount == 0 { isInUse = true }
        return plainSealCount == 0
    }

    /// What a compaction must leave alone. A full one takes the rest too, unless that is in use.
    mutating func exclude(from isFull: Bool) -> SegmentName? {
        if isFull, !isInUse { name = nil }
        return name
    }
}

extension Compactor {
    /// Seals a full segment that has mostly superseded itself: copies what is left of it, and has the copy take its
    /// place. What was saved again within the segment is then never written to the disk, and nothing of it has to be
    /// compacted later.
    ///
    /// A frame is left out only if the segment itself has as many newer versions of its key as the level keeps. These
    /// are in the copy, durable before the manifest names it. So no key depends on what comes after the segment, which
    /// a power cut may take. What is left of the segment before is treated as a part of this one, if it is short.
    ///
    /// - Returns: what it did; the caller closes the segment's file then, and calls ``didFreeCopied()``. Nil if the
    ///   segment has to be sealed as it is: it holds other frames than values that came in their order, or more than a
    ///   quarter of it stays; somebody needs its segments to stay; or the log is closing.
    /// - Throws: what the edit of the manifest throws, unless that can be tried again.
    /// - Complexity: O(n) in the segment's frames; their headers are read, and whole frames of what is copied.
    package func sealByCopying(_ rolled: LogAppender.Rolled) throws -> CompactionOutcome? {
        let segment = rolled.segment.name.identifier
        guard catalog.usage.liveByteCount(of: segment) <= rolled.end / 4, !catalog.usage.isHeld(segment),
            appender.failure == nil, remainder.withLock({ $0.begin() })
        else { return nil }
        var isCopied = false
        defer { if !isCopied { endCopy() } }
        // Nothing is stored there any more, and the next segment's pages come into memory meanwhile.
        rolled.segment.file.unmap()
        // What cannot be read or written here, the ordinary seal is told as well.
        guard let selection = try? selectNewest(of: rolled),
            let written = try? write(selection.live, rests: false, mayStop: true), let output = written.0
        else { return nil }
        do {
            try replace(rolled, and: selection.earlier, by: output, written.1)
        } catch let error as CheckpointLogError where error.canBeTriedAgain {
            return nil
        }
        isCopied = true
        return CompactionOutcome(
            inputCount: selection.earlier == nil ? 1 : 2,
            inputByteCount: rolled.end + (selection.earlier?.byteCount ?? 0), outputByteCount: output.byteCount,
            recordCount: written.1.count)
    }

    /// Notes that a segment which was sealed by copying has given its room back: its file is closed.
    func didFreeCopied() {
        wins.withLock { $0 += 1 }
        endCopy()
    }

    private func endCopy() {
        remainder.withLock { $0.isInUse = false }
        remainder.wakeAll()
    }

    /// Whether a segment is sealed by copying, which soon gives its room back.
    var isSealingByCopying: Bool { remainder.withLock { $0.isInUse } }

    /// Runs `body` while no compaction does, and while full segments are sealed as they are.
    package func whileSealingPlainly<Result>(_ body: () throws -> Result) rethrows -> Result {
        remainder.wait { remainder -> Void? in
            guard !remainder.isInUse else { return nil }
            remainder.plainSealCount += 1
            return ()
        }
        defer { remainder.withLock { $0.plainSealCount -= 1 } }
        return try whileIdle(body)
    }

    /// What stays of a full segment, and of what is left of the one before.
    ///
    /// - Throws: if the segment has to be sealed as it is, or cannot be read.
    private func selectNewest(of rolled: LogAppender.Rolled) throws -> (live: [LiveFrame], earlier: Manifest.Segment?) {
        let before = remainder.withLock { $0.name }
        let earlier = manifest.current.segments.first { $0.name == before }
        let mayBeHeld = catalog.hasGroupFrames || catalog.labels.isUsed
        // Each frame would retain and release the catalog, and so would who appends meanwhile, on another processor.
        let (retentions, hashSecret) = (catalog.retentions, catalog.hashSecret)
        var newest = NewestFrames(byteLimit: (rolled.end + (earlier?.byteCount ?? 0)) / 4)
        func add(_ entry: SegmentFooter.Entry, _ record: CatalogRecord) throws {
            guard entry.kind.isCopied else { return }
            let retention = retentions[entry.level]
            try newest.add(entry, record, record.hash(hashSecret), keeping: retention.count) {
                older, location in
                guard mayBeHeld || retention.interval != nil else { return false }
                return unsafe catalog.isLive(
                    CatalogRecord(older, of: location.segment, key: record.key, origin: record.origin))
            }
        }
        if let earlier {
            unsafe try LogFooters(identity: identity).forEachEntry(of: earlier) { entry, key, origin in
                unsafe try add(entry, CatalogRecord(entry, of: earlier.name.identifier, key: key, origin: origin))
            }
        }
        let (name, file) = (rolled.segment.name, rolled.segment.file)
        try LogFooters.forEachEntry(ofUnsealed: name, file, end: rolled.end, identity: identity) { entry, frame in
            unsafe try add(entry, CatalogRecord(entry, of: name.identifier, key: frame.key, origin: frame.origin))
        }
        return (try newest.finish(), earlier)
    }

    private func replace(
        _ rolled: LogAppender.Rolled, and earlier: Manifest.Segment?, by output: Manifest.Segment, _ copies: [Copy]
    ) throws {
        let name = rolled.segment.name
        try appender.replaceRolled(rolled) {
            do throws(FileSystemError) {
                try manifest.requireInPlace()
                try manifest.edit { manifest in
                    manifest.segments.removeAll { $0.name == earlier?.name }
                    manifest.segments.append(output)
                    manifest.lastSealed = max(manifest.lastSealed, name.identifier)
                }
            } catch {
                // Otherwise each attempt on a full disk would leave a file behind.
                if !error.isBehindRename { try? identity.directory.remove(output.name) }
                throw CheckpointLogError(error)
            }
        }
        files.add(output.name)
        for copy in copies { catalog.relocate(copy.hash, copy.sequenceNumber, from: copy.old, to: copy.new) }
        let isShort = output.byteCount <= appender.limits.segmentByteCount / 8
        remainder.withLock { remainder in
            remainder.name = isShort ? output.name : nil
            remainder.leftOutByteCount += rolled.end + (earlier?.byteCount ?? 0) - output.byteCount
        }
        for name in [earlier?.name, name].compactMap(\.self) {
            catalog.usage.forget(name.identifier)
            files.forget(name.identifier)
            // What stays behind is what the next opening removes.
            try? held.remove(name)
        }
    }
}
