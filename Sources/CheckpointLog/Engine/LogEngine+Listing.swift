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

    package func checkpoints(level: UInt8?) throws -> [CheckpointVersion] {
        try checkOpen()
        try refresh()
        var newest: [KeyHash: CheckpointVersion] = [:]
        for record in memory.records(level: level) {
            let hash = try hash(of: record.key, level: record.level.rawValue, origin: record.origin)
            let version = version(record)
            if newest[hash].map({ $0.sequenceNumber < version.sequenceNumber }) ?? true { newest[hash] = version }
        }
        var entries: [(hash: KeyHash, entry: IndexEntry)] = []
        catalog.index.forEach { hash, entry, isNewest in
            guard isNewest, !entry.isRemoval, level == nil || hash.level == level else { return }
            guard entry.sequenceNumber > catalog.index.floor(of: hash.level) else { return }
            if let known = newest[hash], known.sequenceNumber >= entry.sequenceNumber { return }
            entries.append((hash, entry))
        }
        for hash in catalog.labels.labelledKeys where level == nil || hash.level == level {
            // One that labels alone keep is in no table.
            if catalog.index.newest(hash) == nil, let entry = catalog.newest(hash) { entries.append((hash, entry)) }
        }
        entries.sort { $0.entry.location.bits < $1.entry.location.bits }
        for (hash, _) in entries {
            if let found = try newestVersion(hash) { newest[hash] = found }
        }
        return newest.values.sorted { ($0.level, $0.key, $0.origin ?? "") < ($1.level, $1.key, $1.origin ?? "") }
    }

    /// The newest version of a key as it stands now; nil when it was removed since.
    private func newestVersion(_ hash: KeyHash) throws -> CheckpointVersion? {
        try retryingMoved { _ in
            guard let entry = try newestEntry(hash) else { return nil }
            return try version(.frame(entry, level: hash.level, origin: .own))
        }
    }

    private func version(_ record: MemoryRecord) -> CheckpointVersion {
        CheckpointVersion(
            key: record.key, level: Int(record.level.rawValue), origin: record.origin.name,
            sequenceNumber: record.number, date: Self.date(record.timestamp), byteCount: record.byteCount,
            metadata: EncodedMetadata.metadata(in: record.metadata) ?? [:])
    }

    /// A version for listings; nil for the frame of a group, of a mark or of labels, which are no checkpoints of a key.
    private func version(_ found: FoundRecord) throws -> CheckpointVersion? {
        switch found {
        case .memory(let record): return version(record)
        case .frame(let entry, _, _):
            let frame = try frames.header(at: entry.location)
            guard frame.header.kind == .value || frame.header.kind == .reference else { return nil }
            guard let metadata = EncodedMetadata.metadata(in: frame.metadata) else {
                throw CheckpointLogError.damaged(
                    "A checkpoint's metadata are no map of texts and numbers.",
                    path: try files.file(of: entry.location.segment).path.string, offset: entry.location.offset)
            }
            var version = CheckpointVersion(
                key: CheckpointKey(String(decoding: frame.key, as: UTF8.self)), level: Int(frame.header.level),
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

    private static func date(_ timestamp: Int64) -> Date {
        Date(timeIntervalSince1970: Double(timestamp) / 1_000_000)
    }
}
