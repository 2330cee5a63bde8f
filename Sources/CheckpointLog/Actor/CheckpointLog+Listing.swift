import SystemPackage

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// One stored checkpoint, without its values.
///
/// ```swift
/// for version in try await log.history(for: "model", level: 2) {
///     print(version.sequenceNumber, version.date, version.byteCount)
/// }
/// ```
public struct CheckpointVersion: Sendable, Hashable, Identifiable {
    /// The key.
    public var key: CheckpointKey
    /// The level, 1…255.
    public var level: Int
    /// The way by which it came up the tree, as `C4/C1`; nil for the actor's own.
    public var origin: String?
    /// The number, greater for newer checkpoints.
    public var sequenceNumber: SequenceNumber
    /// When the checkpoint was taken; never earlier than an older one of the log.
    public var date: Date
    /// Encoded bytes before compression; 0 for a value of the memory level that was not encoded yet.
    public var byteCount: Int

    /// The number: no two records have the same.
    public var id: UInt64 { sequenceNumber.rawValue }
}

extension CheckpointLog {
    /// The stored versions of `key`, newest first; without a level those of every level.
    ///
    /// - Parameters:
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255, or nil.
    ///   - origin: as `C4/C1`; nil for this actor's own versions and, where it has none, those of every origin.
    /// - Throws: ``CheckpointLogError``: `.damaged`, `.closed`, `.invalidKey`, `.invalidLevel`, `.ioFailure`.
    public nonisolated func history(
        for key: CheckpointKey, level: Int? = nil, origin: String? = nil
    ) async throws -> [CheckpointVersion] {
        let level = try level.map { try Level(validating: $0).rawValue }
        let engine = engine
        let query = RecordQuery(key: key, level: level, origin: origin.map { Origin($0) })
        return try await engine.blocking.run { try engine.history(query) }
    }

    /// The newest checkpoint of each key, by level, key and origin; without a level those of every level.
    ///
    /// - Throws: ``CheckpointLogError``: `.damaged`, `.closed`, `.invalidLevel`, `.ioFailure`.
    /// - Complexity: O(n log n) in the keys: keys are not in memory, so each newest frame's header is read.
    public nonisolated func checkpoints(level: Int? = nil) async throws -> [CheckpointVersion] {
        let level = try level.map { try Level(validating: $0).rawValue }
        let engine = engine
        return try await engine.blocking.run { try engine.checkpoints(level: level) }
    }

    /// The keys that have a checkpoint at `level`, or at any level, each once, in the order of their bytes.
    ///
    /// - Throws: as ``checkpoints(level:)``.
    public nonisolated func keys(level: Int? = nil) async throws -> [CheckpointKey] {
        let keys = Set(try await checkpoints(level: level).map(\.key))
        return keys.sorted()
    }

    /// Every newest checkpoint at `level`, or of each key at whichever level is newest, as values of one type.
    ///
    /// - Parameters:
    ///   - type: what each checkpoint was taken of. A checkpoint of another type fails the call.
    ///   - level: 1…255, or nil.
    /// - Returns: the values by key. Of a key with several origins the actor's own counts, else the newest.
    /// - Throws: as ``restore(_:for:level:version:origin:fallback:)->Value?``.
    public nonisolated func restoreAll<Value: Codable & Sendable>(
        as type: Value.Type, level: Int? = nil
    ) async throws -> [CheckpointKey: Value] {
        var values: [CheckpointKey: Value] = [:]
        for key in try await keys(level: level) {
            #if PLANTED_BUGS
            if PlantedBug.restoredOneOfAll.isPlanted, !values.isEmpty { break }
            #endif
            // A key that was removed since the listing is left out.
            if let value = try await restoreHere(type, for: key, level: level) { values[key] = value }
        }
        return values
    }

    private nonisolated func restoreHere<Value: Codable & Sendable>(
        _ type: Value.Type, for key: CheckpointKey, level: Int?
    ) async throws -> Value? {
        let query = RecordQuery(key: key, level: level.flatMap { UInt8(exactly: $0) })
        let engine = engine
        return try await engine.blocking.run { try Self.restoreHere(type, query, engine) }
    }
}

extension LogEngine {
    func history(_ query: RecordQuery) throws -> [CheckpointVersion] {
        #if PLANTED_BUGS
        if PlantedBug.historyOfOne.isPlanted { return try versions(query).prefix(1).compactMap { try version($0) } }
        #endif
        return try retryingMoved { _ in try versions(query).compactMap { try version($0) } }
    }

    package func checkpoints(level: UInt8?) throws -> [CheckpointVersion] {
        try checkOpen()
        try refresh()
        #if PLANTED_BUGS
        let level = PlantedBug.listingOfAllLevels.isPlanted ? nil : level
        #endif
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
        entries.sort { $0.entry.location.bits < $1.entry.location.bits }
        for (hash, _) in entries {
            if let found = try newestVersion(hash) { newest[hash] = found }
        }
        return newest.values.sorted { ($0.level, $0.key, $0.origin ?? "") < ($1.level, $1.key, $1.origin ?? "") }
    }

    /// The newest version of a key as it stands now; nil when it was removed since.
    private func newestVersion(_ hash: KeyHash) throws -> CheckpointVersion? {
        try retryingMoved { _ in
            guard let entry = catalog.index.newest(hash) else { return nil }
            return try version(.frame(entry, level: hash.level, origin: .own))
        }
    }

    private func version(_ record: MemoryRecord) -> CheckpointVersion {
        CheckpointVersion(
            key: record.key, level: Int(record.level.rawValue), origin: record.origin.name,
            sequenceNumber: record.number, date: Self.date(record.timestamp), byteCount: record.byteCount)
    }

    /// A version for listings; nil for a group's frame or a mark, which are no checkpoints of a key.
    private func version(_ found: FoundRecord) throws -> CheckpointVersion? {
        switch found {
        case .memory(let record): return version(record)
        case .frame(let entry, _, _):
            let frame = try header(at: entry.location)
            guard frame.header.kind != .group, frame.header.kind != .mark else { return nil }
            return CheckpointVersion(
                key: CheckpointKey(String(decoding: frame.key, as: UTF8.self)), level: Int(frame.header.level),
                origin: frame.origin.name, sequenceNumber: frame.header.sequenceNumber,
                date: Self.date(frame.header.timestamp), byteCount: try byteCount(of: frame, at: entry.location))
        }
    }

    /// Bytes of the content, which a reference states in its payload.
    private func byteCount(of frame: FoundHeader, at location: FrameLocation) throws -> Int {
        guard frame.header.kind == .reference else { return frame.header.contentByteCount }
        return try reference(at: location)?.contentByteCount ?? 0
    }

    private static func date(_ timestamp: Int64) -> Date {
        Date(timeIntervalSince1970: Double(timestamp) / 1_000_000)
    }
}
