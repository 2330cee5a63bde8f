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
    /// The number, greater for newer checkpoints.
    public var sequenceNumber: SequenceNumber
    /// When the checkpoint was taken; never earlier than an older one of the log.
    public var date: Date
    /// Encoded bytes before compression.
    public var byteCount: Int

    /// The number: no two records have the same.
    public var id: UInt64 { sequenceNumber.rawValue }
}

extension CheckpointLog {
    /// The stored versions of `key`, newest first; without a level those of every level.
    ///
    /// - Throws: ``CheckpointLogError``: `.damaged`, `.closed`, `.invalidKey`, `.invalidLevel`, `.ioFailure`.
    public nonisolated func history(for key: CheckpointKey, level: Int? = nil) async throws -> [CheckpointVersion] {
        let level = try level.map { try Level(validating: $0).rawValue }
        let engine = engine
        try engine.checkOpen()
        return try await engine.blocking.run { try engine.history(of: key, level: level) }
    }

    /// The newest checkpoint of each key, by level and key; without a level those of every level.
    ///
    /// - Throws: ``CheckpointLogError``: `.damaged`, `.closed`, `.invalidLevel`, `.ioFailure`.
    /// - Complexity: O(n log n) in the keys: keys are not in memory, so each newest frame's header is read.
    public nonisolated func checkpoints(level: Int? = nil) async throws -> [CheckpointVersion] {
        let level = try level.map { try Level(validating: $0).rawValue }
        let engine = engine
        try engine.checkOpen()
        return try await engine.blocking.run { try engine.checkpoints(level: level) }
    }

    /// The keys that have a checkpoint at `level`, or at any level, each once, in the order of their bytes.
    ///
    /// - Throws: as ``checkpoints(level:)``.
    public nonisolated func keys(level: Int? = nil) async throws -> [CheckpointKey] {
        let keys = Set(try await checkpoints(level: level).map(\.key))
        return keys.sorted()
    }
}

extension LogEngine {
    func history(of key: CheckpointKey, level: UInt8?) throws -> [CheckpointVersion] {
        let levels: [UInt8] = if let level { [level] } else { catalog.index.levelsInUse.filter { $0 > 0 } }
        var versions: [CheckpointVersion] = []
        for level in levels {
            let hash = unsafe try key.withValidatedBytes { bytes in
                unsafe KeyHash(identity.hashKey, level: level, origin: .empty, key: bytes)
            }
            for entry in catalog.index.versions(hash) {
                let found = try retrying(entry.sequenceNumber, hash) { try self.version(at: $0) }
                if let found { versions.append(found) }
            }
        }
        return versions.sorted { $0.sequenceNumber > $1.sequenceNumber }
    }

    func checkpoints(level: UInt8?) throws -> [CheckpointVersion] {
        var entries: [(KeyHash, IndexEntry)] = []
        catalog.index.forEach { hash, entry, isNewest in
            guard isNewest, !entry.isRemoval, level == nil || hash.level == level else { return }
            guard entry.sequenceNumber > catalog.index.floor(of: hash.level) else { return }
            entries.append((hash, entry))
        }
        entries.sort { $0.1.location.bits < $1.1.location.bits }
        var versions: [CheckpointVersion] = []
        for (hash, entry) in entries {
            if let found = try retrying(entry.sequenceNumber, hash, { try self.version(at: $0) }) {
                versions.append(found)
            }
        }
        return versions.sorted { ($0.level, $0.key) < ($1.level, $1.key) }
    }

    /// The version at a location; nil for a group's frame, which is no checkpoint of a key.
    private func version(at location: FrameLocation) throws -> CheckpointVersion? {
        let found = try header(at: location)
        guard found.header.kind != .group else { return nil }
        var byteCount = found.header.contentByteCount
        if found.header.kind == .reference {
            byteCount = unsafe try found.key.withUnsafeBytes { key in
                unsafe try withFrame(
                    at: location, number: found.header.sequenceNumber, level: found.header.level, key: key
                ) { _, content in content.count }
            }
        }
        return CheckpointVersion(
            key: CheckpointKey(String(decoding: found.key, as: UTF8.self)), level: Int(found.header.level),
            sequenceNumber: found.header.sequenceNumber,
            date: Date(timeIntervalSince1970: Double(found.header.timestamp) / 1_000_000), byteCount: byteCount)
    }

    /// Looks a record up again when compaction moved it between the look-up and the read.
    private func retrying<Result>(
        _ number: SequenceNumber, _ hash: KeyHash, _ body: (FrameLocation) throws -> Result?
    ) throws -> Result? {
        for _ in 0..<3 {
            guard let entry = catalog.index.versions(hash).first(where: { $0.sequenceNumber == number }) else {
                return nil
            }
            do {
                return try body(entry.location)
            } catch let error as CheckpointLogError
                where (error.cause as? FileSystemError)?.code == .noSuchFileOrDirectory
            {
                continue
            }
        }
        return nil
    }
}
