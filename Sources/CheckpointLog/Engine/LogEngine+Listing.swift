#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif
import SystemPackage

extension LogEngine {
    func history(_ query: RecordQuery) throws -> [CheckpointVersion] {
        return try retryingMoved { _ in try versions(query).compactMap { try version($0) } }
    }

    package func checkpoints(level: UInt8?, prefix: CheckpointKey = "") throws -> [CheckpointVersion] {
        try checkOpen()
        try refresh()
        var newest: [KeyHash: CheckpointVersion] = [:]
        for record in memory.records(level: level) {
            let hash = try hash(of: record.key, level: record.level.rawValue, origin: record.origin)
            let version = version(record)
            if newest[hash].map({ $0.sequenceNumber < version.sequenceNumber }) ?? true { newest[hash] = version }
        }
        for (hash, entry) in newestEntries(level) {
            if let known = newest[hash], known.sequenceNumber >= entry.sequenceNumber { continue }
            if let found = try newestVersion(hash, prefix) { newest[hash] = found }
        }
        return newest.values.filter { $0.key.hasPrefix(prefix) }.sorted { left, right in
            if left.level != right.level { return left.level < right.level }
            if left.key != right.key { return left.key < right.key }
            return left.origin ?? "" < right.origin ?? ""
        }
    }

    /// The keys that have a checkpoint, each once, in the order of their bytes.
    package func keys(level: UInt8?, prefix: CheckpointKey) throws -> [CheckpointKey] {
        try checkOpen()
        try refresh()
        var keys = Set(memory.records(level: level).map(\.key).filter { $0.hasPrefix(prefix) })
        for (hash, _) in newestEntries(level) {
            let key = try retryingMoved { _ -> CheckpointKey? in
                guard let entry = try newestEntry(hash) else { return nil }
                let frame = try frames.header(at: entry.location)
                guard frame.header.kind == .value || frame.header.kind == .reference else { return nil }
                return CheckpointKey(String(decoding: frame.key, as: UTF8.self))
            }
            if let key, key.hasPrefix(prefix) { keys.insert(key) }
        }
        return keys.sorted()
    }

    /// The newest records of all keys, groups and labels, in the order of the files.
    private func newestEntries(_ level: UInt8?) -> [(hash: KeyHash, entry: IndexEntry)] {
        var entries: [(hash: KeyHash, entry: IndexEntry)] = []
        catalog.index.forEach { hash, entry, isNewest in
            guard isNewest, !entry.isRemoval, level == nil || hash.level == level else { return }
            guard entry.sequenceNumber > catalog.index.floor(of: hash.level) else { return }
            entries.append((hash, entry))
        }
        for hash in catalog.labels.labelledKeys where level == nil || hash.level == level {
            // No table lists a version that only a label keeps.
            if catalog.index.newest(hash) == nil, let entry = catalog.newest(hash) { entries.append((hash, entry)) }
        }
        entries.sort { $0.entry.location.bits < $1.entry.location.bits }
        return entries
    }

    /// Which of the checkpoints of one key a listing by key shows: the log's own, else the newest.
    private struct Rank: Comparable {
        var isOwn: Bool
        var number: SequenceNumber

        static func < (left: Rank, right: Rank) -> Bool {
            left.isOwn == right.isOwn ? left.number < right.number : right.isOwn
        }
    }

    /// Thrown before a large value is read, at the frame that refers to it.
    private struct IsLarge: Error {}

    /// What the newest checkpoint of each key holds, of the log's own where it has one.
    ///
    /// - Parameters:
    ///   - remembered: gives the result for a record of the memory level; nil if the record has to be decoded.
    ///   - receive: called first for a large value.
    /// - Throws: `.damaged`; what `decode` throws.
    package func newestContents<Result>(
        level: UInt8?, prefix: CheckpointKey, remembered: (MemoryRecord) -> Result?,
        receive: @escaping FrameReader.Receive<Result>,
        decode: (CheckpointKey, ContentFacts, UnsafeRawBufferPointer) throws -> Result
    ) throws -> [CheckpointKey: Result] {
        try checkOpen()
        try refresh()
        let entries = newestEntries(level)
        var results: [CheckpointKey: Result] = [:]
        results.reserveCapacity(entries.count)
        // If no key can appear twice, there is nothing to choose.
        let mayComeTwice =
            memory.count > 0 || !catalog.origins.isEmpty || (level == nil && levelsInUse.count > 1)
        var ranks: [CheckpointKey: Rank] = [:]
        func isWanted(_ key: CheckpointKey, _ rank: Rank) -> Bool {
            key.hasPrefix(prefix) && (!mayComeTwice || ranks[key].map { $0 < rank } ?? true)
        }
        func take(_ result: Result?, _ key: CheckpointKey, _ rank: Rank) {
            guard let result else { return }
            results[key] = result
            if mayComeTwice { ranks[key] = rank }
        }
        for record in memory.records(level: level) {
            let rank = Rank(isOwn: record.origin.isOwn, number: record.number)
            guard isWanted(record.key, rank) else { continue }
            let query = RecordQuery(
                key: record.key, level: record.level.rawValue, version: .sequence(record.number), origin: record.origin)
            let result = unsafe try remembered(record) ?? withContent(query) { unsafe try decode(record.key, $0, $1) }
            take(result, record.key, rank)
        }
        for (hash, _) in entries {
            try retryingMoved { _ in
                guard let entry = try newestEntry(hash) else { return }
                let record = FrameReader.Record(at: entry.location, number: entry.sequenceNumber, level: hash.level)
                do {
                    unsafe try frames.withContent(of: record, receive: { _, _ in throw IsLarge() }) { frame, content in
                        guard frame.header.kind == .value else { return }
                        let key = unsafe CheckpointKey(String(decoding: frame.key, as: UTF8.self))
                        let rank = Rank(isOwn: frame.header.originByteCount == 0, number: entry.sequenceNumber)
                        guard isWanted(key, rank) else { return }
                        take(unsafe try decode(key, ContentFacts(frame), content), key, rank)
                    }
                } catch is IsLarge {
                    let frame = try frames.header(at: entry.location)
                    let key = CheckpointKey(String(decoding: frame.key, as: UTF8.self))
                    let rank = Rank(isOwn: frame.origin.isOwn, number: entry.sequenceNumber)
                    guard isWanted(key, rank) else { return }
                    let query = RecordQuery(key: key, level: hash.level, origin: frame.origin)
                    let result = unsafe try withContent(query, receive: receive) { unsafe try decode(key, $0, $1) }
                    take(result, key, rank)
                }
            }
        }
        return results
    }

    /// The newest version of a key now; nil if it was removed meanwhile.
    private func newestVersion(_ hash: KeyHash, _ prefix: CheckpointKey) throws -> CheckpointVersion? {
        try retryingMoved { _ in
            guard let entry = try newestEntry(hash) else { return nil }
            return try version(.frame(entry, level: hash.level, origin: .own), where: { $0.hasPrefix(prefix) })
        }
    }

    private func version(_ record: MemoryRecord) -> CheckpointVersion {
        CheckpointVersion(
            key: record.key, level: Int(record.level.rawValue), origin: record.origin.name,
            sequenceNumber: record.number, date: Self.date(record.timestamp), byteCount: record.byteCount,
            metadata: EncodedMetadata.metadata(in: record.metadata) ?? [:])
    }

    /// A version for listings; nil for the frame of a group, of a mark or of labels, which are no checkpoints of a key.
    private func version(
        _ found: FoundRecord, where isWanted: (CheckpointKey) -> Bool = { _ in true }
    ) throws -> CheckpointVersion? {
        switch found {
        case .memory(let record): return isWanted(record.key) ? version(record) : nil
        case .frame(let entry, _, _):
            let frame = try frames.header(at: entry.location)
            guard frame.header.kind == .value || frame.header.kind == .reference else { return nil }
            let key = CheckpointKey(String(decoding: frame.key, as: UTF8.self))
            guard isWanted(key) else { return nil }
            guard let metadata = EncodedMetadata.metadata(in: frame.metadata) else {
                throw CheckpointLogError.damaged(
                    "A checkpoint's metadata are no map of texts and numbers.",
                    path: try files.file(of: entry.location.segment).path.string, offset: entry.location.offset)
            }
            var version = CheckpointVersion(
                key: key, level: Int(frame.header.level),
                origin: frame.origin.name, sequenceNumber: frame.header.sequenceNumber,
                date: Self.date(frame.header.timestamp), byteCount: try byteCount(of: frame, at: entry.location),
                metadata: metadata)
            try note(frame, &version)
            return version
        }
    }

    /// Adds the labels of a version.
    private func note(_ frame: FoundHeader, _ version: inout CheckpointVersion) throws {
        guard catalog.labels.isUsed else { return }
        let hash = try hash(of: version.key, level: frame.header.level, origin: frame.origin)
        for entry in catalog.labels.labels(of: hash).entries where entry.number == version.sequenceNumber {
            if entry.name.isEmpty { version.isPinned = true } else { version.tags.append(entry.name) }
        }
    }

    /// Bytes of the content, which a reference states in its payload.
    private func byteCount(of frame: FoundHeader, at location: FrameLocation) throws -> Int {
        guard frame.header.kind == .reference else { return frame.header.contentByteCount }
        return try frames.reference(at: location)?.contentByteCount ?? 0
    }

    static func date(_ timestamp: Int64) -> Date {
        Date(timeIntervalSince1970: Double(timestamp) / 1_000_000)
    }
}
