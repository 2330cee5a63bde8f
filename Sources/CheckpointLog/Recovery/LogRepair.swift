import SystemPackage

/// What an opening for writing does to the files before it appends: it seals the chain's segments and removes
/// leftovers. A crash at any call is safe, because every step can be repeated.
package struct LogRepair {
    private static let blockByteCount = 1 << 20

    package let identity: LogIdentity
    package let manifest: ManifestFile

    package init(identity: LogIdentity, manifest: ManifestFile) {
        self.identity = identity
        self.manifest = manifest
    }

    /// Makes the chain durable, cuts its torn tail, declares the values freed that were given up, and seals its
    /// segments, the oldest first.
    ///
    /// - Parameters:
    ///   - values: the value segments that the chain refers to and that may not be synced yet.
    ///   - catalog: is told of the frames that declare values freed.
    package func sealChain(
        _ outcome: ChainReader.Outcome, synced: LogPosition?, values: [SegmentNumber], catalog: RecordCatalog,
        report: inout RecoveryReport
    ) throws {
        for part in outcome.parts { try rewriteUnsynced(part, synced: synced) }
        for value in values { try makeDurable(SegmentName(value, .value)) }
        // A cut takes every later segment, and these must be gone for good before the manifest says that the chain
        // ends.
        let last = outcome.givenUp.isEmpty ? nil : outcome.parts.last { !$0.isRolled }?.name
        func isUsed(_ part: ChainReader.Part) -> Bool { part.end > SegmentHeader.byteCount || part.name == last }
        var superfluous = outcome.parts.filter { !isUsed($0) }.map(\.name) + outcome.surplus
        // The newest first, and none before the one that names it is gone for good: a segment whose predecessor is
        // missing is damage.
        while let name = superfluous.popLast() {
            if outcome.named.contains(name.identifier) { try syncDirectory() }
            try remove(name.fileName)
        }
        try syncDirectory()
        var parts = outcome.parts.filter(isUsed)
        if outcome.fault != nil, let open = parts.last(where: { !$0.isRolled }) {
            try withFile(of: open) { try quarantineTail(of: open, $0, report: &report) }
        }
        // Before any segment is sealed: the references stand in any of them.
        if let index = parts.lastIndex(where: { $0.name == last }) {
            parts[index].end = try withFile(of: parts[index]) {
                try declareFreed(outcome, in: parts[index], $0, catalog)
            }
        }
        for part in parts {
            try withFile(of: part) { file in
                let footer = try LogFooters.footer(ofUnsealed: part.name, file, end: part.end, identity: identity)
                try SegmentSealer.seal(part.name, file, footer, end: part.end, manifest: manifest)
            }
        }
    }

    private func withFile<Result>(
        of part: ChainReader.Part, _ body: (any OpenFile) throws -> Result
    ) throws -> Result {
        let file = try wrapping { () throws(FileSystemError) in
            try identity.directory.openFile(part.name, .readWrite)
        }
        defer { file.close() }
        return try body(file)
    }

    /// Appends to a segment of the chain the frames for the values that were given up, and syncs them. Once the chain
    /// is sealed, nobody could tell these values from others that were lost after a sync had stated their references.
    ///
    /// On a full disk it appends none: the reclaimer states it later.
    ///
    /// - Returns: the new end of the frames.
    private func declareFreed(
        _ outcome: ChainReader.Outcome, in part: ChainReader.Part, _ file: any OpenFile, _ catalog: RecordCatalog
    ) throws -> Int {
        var (records, frames) = freedFrames(outcome, from: part.end, of: part.name.identifier)
        do throws(FileSystemError) {
            // What was cut off must not follow them, should it fit.
            try file.truncate(toByteCount: part.end)
            try file.sync()
            try file.write(frames, at: part.end)
            try file.sync()
        } catch  where error.isDiskFull {
            (records, frames) = ([], [])
            try wrapping { () throws(FileSystemError) in try file.truncate(toByteCount: part.end) }
        } catch {
            throw CheckpointLogError(error)
        }
        for record in records { catalog.insert(record) }
        return part.end + frames.count
    }

    /// The frames that declare the values freed that were given up, for `start` of a segment. None if they would have
    /// no place or no numbers there, as in no log that was not made by hand.
    private func freedFrames(
        _ outcome: ChainReader.Outcome, from start: Int, of segment: SegmentNumber
    ) -> (records: [CatalogRecord], bytes: [UInt8]) {
        var number = outcome.highestNumber
        if number.epoch < outcome.newestEpoch { number = SequenceNumber(epoch: outcome.newestEpoch, count: 0) }
        var records: [CatalogRecord] = []
        var bytes: [UInt8] = []
        for value in outcome.givenUp {
            number = SequenceNumber(rawValue: number.rawValue + 1)
            var header = FrameHeader(kind: .freed)
            header.sequenceNumber = number
            header.appendNumber = number
            header.timestamp = outcome.lastTimestamp
            // Not the end of the chain: if a power cut leaves some of these frames, the other values are still lost.
            header.promise = outcome.knownSynced
            let place = start + bytes.count
            let frame = unsafe FreedValue(segment: value).bytes.withUnsafeBytes { payload in
                unsafe header.setPayload(payload)
                var frame = [UInt8](repeating: 0, count: header.frameByteCount)
                unsafe frame.withUnsafeMutableBytes { room in
                    unsafe FrameEncoder.write(
                        &header, key: .empty, origin: .empty, metadata: .empty, payload: payload, to: room, at: place,
                        identity.seed(of: segment))
                }
                return frame
            }
            guard number.epoch == outcome.newestEpoch, place + frame.count < LogPosition.offsetLimit else {
                return ([], [])
            }
            bytes += frame
            let location = FrameLocation(segment: segment, offset: place, byteCount: frame.count)
            unsafe records.append(
                CatalogRecord(
                    kind: .freed, level: 0, sequenceNumber: number, location: location, key: .empty, origin: .empty,
                    value: ValueFile(segment: value, byteCount: 0)))
        }
        return (records, bytes)
    }

    /// Writes the verified bytes after the synced position again, and syncs them: after a failed sync their pages look
    /// clean in memory but are not on the disk.
    private func rewriteUnsynced(_ part: ChainReader.Part, synced: LogPosition?) throws {
        var offset = 0
        if let synced {
            if synced.segment > part.name.identifier { return }
            if synced.segment == part.name.identifier { offset = min(Int(synced.offset), part.end) }
        }
        try rewrite(part.name, from: offset, to: part.end)
    }

    /// Puts a copy of a value's file in its place, which is durable by its bytes and by its name: after a failed sync
    /// of the directory a name, too, looks as if it were on the disk. On a full disk the bytes alone are written again.
    /// Also under the same boot: that a sync has failed may not have been stated.
    private func makeDurable(_ name: SegmentName) throws {
        do throws(FileSystemError) {
            let source = try identity.directory.openFile(name, .read)
            defer { source.close() }
            let replacement = try Replacement(of: name.fileName, in: identity.directory)
            defer { replacement.file.close() }
            do throws(FileSystemError) {
                let byteCount = try source.byteCount()
                for start in stride(from: 0, to: byteCount, by: Self.blockByteCount) {
                    guard let bytes = try source.bytes(start..<min(start + Self.blockByteCount, byteCount)) else {
                        throw FileSystemError(.read, source.path, .ioError)
                    }
                    try replacement.file.write(bytes, at: start)
                }
                try replacement.finish()
            } catch {
                replacement.abandon()
                throw error
            }
        } catch  where error.isDiskFull {
            try rewrite(name, from: 0)
        } catch {
            throw CheckpointLogError(error)
        }
    }

    private func rewrite(_ name: SegmentName, from start: Int, to end: Int? = nil) throws {
        let file = try wrapping { () throws(FileSystemError) in try identity.directory.openFile(name, .readWrite) }
        defer { file.close() }
        try wrapping { () throws(FileSystemError) in
            var last = 0
            if let end { last = end } else { last = try file.byteCount() }
            var offset = start
            while offset < last {
                let end = min(offset + Self.blockByteCount, last)
                guard let bytes = try file.bytes(offset..<end) else { break }
                try file.write(bytes, at: offset)
                offset = end
            }
            try file.sync()
        }
    }

    /// Keeps a copy of the bytes that it cuts off, if there is space: only a person can say what they were.
    private func quarantineTail(of part: ChainReader.Part, _ file: any OpenFile, report: inout RecoveryReport) throws {
        report.tornTail = CheckpointLogError.Location(path: file.path.string, offset: part.end)
        let byteCount = min(part.byteCount - part.end, 64 << 20)
        guard byteCount > 0,
            var tail = try wrapping({ () throws(FileSystemError) in
                try file.bytes(part.end..<part.end + byteCount)
            })
        else { return }
        if let last = tail.lastIndex(where: { $0 != 0 }) { tail.removeLast(tail.count - 1 - last) }
        report.cutByteCount = tail.count
        do throws(FileSystemError) {
            do throws(FileSystemError) {
                try identity.directory.createDirectory(FileName.quarantine)
            } catch  where error.code == .fileExists {
                // An earlier cut created it.
            }
            let folder = try identity.directory.openDirectory(FileName.quarantine)
            defer { folder.close() }
            let copy = try folder.openFile("\(part.name.fileName)-\(part.end)", .create)
            defer { copy.close() }
            try copy.write(tail, at: 0)
        } catch {
            // The copy is optional: neither a full disk nor the copy of an interrupted opening may stop recovery.
        }
    }

    /// Begins to remove a snapshot of the index that was not finished: as much as the index, which takes a file system
    /// long to free. Nothing else that an opening does needs the name.
    ///
    /// - Returns: the thread that does so; nil if ``removeOrphans(_:referenced:report:)`` has to.
    package func removeUnfinishedSnapshot(_ directory: LogDirectory) -> NamedThread? {
        let name = FileName.snapshot + Replacement.temporarySuffix
        guard identity.laneCount > 1, directory.temporaries.contains(name) else { return nil }
        return NamedThread(name: "ckpt-lane") { [identity] in try? identity.directory.remove(name) }
    }

    /// Removes files that no record refers to: outputs of a compaction that was not committed, value segments without a
    /// reference, incomplete files.
    package func removeOrphans(
        _ directory: LogDirectory, referenced: Set<SegmentNumber>, report: inout RecoveryReport
    ) throws {
        let listed = Set(manifest.current.segments.map(\.name))
        var orphans = directory.temporaries
        for name in directory.segments where !listed.contains(name) {
            switch name.role {
            case .output: orphans.append(name.fileName)
            case .value: if !referenced.contains(name.identifier) { orphans.append(name.fileName) }
            case .log: if name.identifier <= manifest.current.lastSealed { orphans.append(name.fileName) }
            }
        }
        for orphan in orphans { try remove(orphan) }
        if !orphans.isEmpty {
            try wrapping { () throws(FileSystemError) in try identity.directory.sync() }
        }
        report.orphans = orphans.sorted()
    }

    private func syncDirectory() throws {
        try wrapping { () throws(FileSystemError) in try identity.directory.sync() }
    }

    private func remove(_ name: String) throws {
        do throws(FileSystemError) {
            try identity.directory.remove(name)
        } catch  where error.code == .noSuchFileOrDirectory {
            // An interrupted recovery has done it already.
        } catch {
            throw CheckpointLogError(error)
        }
    }
}
