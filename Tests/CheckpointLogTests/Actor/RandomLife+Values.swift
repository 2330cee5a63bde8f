import CheckpointLog
import TestSupport

/// Values that tell their number, in three forms: a structure, two values, bytes as they are. A key has one form for
/// ever.
extension RandomLife {
    struct Payload: Codable, Sendable {
        var value: Int
        var fill: [UInt8]
    }

    enum Form {
        case structure, pair, bytes

        init(of key: String) {
            self = [.structure, .pair, .bytes][(keys.firstIndex(of: key) ?? 0) % 3]
        }
    }

    static func bytes(_ value: Int, count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: UInt64(truncatingIfNeeded: value))
        return bytes + NumberedBytes.fill(value, count: count)
    }

    /// What is said of a value beside it; of every third nothing.
    static func metadata(_ value: Int) -> CheckpointMetadata {
        if value % 3 == 0 { return [:] }
        return [
            "value": .integer(Int64(value)), "half": .number(Double(value) / 2),
            "note": .text(String(repeating: "é", count: value % 17 == 0 ? 1_500 : value % 50)),
        ]
    }

    func chooseByteCount() -> Int {
        switch generator.number(below: 4_000) {
        case 0...1: 1_000_000 + generator.number(below: 1_000_000)
        case 2...50: generator.number(below: 100_000)
        case 51...300: generator.number(below: 20_000)
        case 301...1_200: generator.number(below: 3_000)
        default: generator.number(below: 300)
        }
    }

    /// Makes a new value for `slot`.
    func makeVersion(_ slot: OracleSlot, count: Int) -> OracleVersion {
        let version = OracleVersion(slot, oracle.makeValue())
        slots[version.value] = slot
        byteCounts[version.value] = count
        return version
    }

    /// What a value must be that tells this number.
    func check(_ value: Int, _ fill: [UInt8], of key: String) throws -> Int {
        guard let slot = slots[value], slot.key == key else {
            throw Contradiction("\(key) gives value \(value) of another")
        }
        let count = byteCounts[value] ?? 0
        try expect(fill.count == count, "value \(value) of \(key) has \(fill.count) bytes, not \(count)")
        try expect(
            NumberedBytes.isFill(fill, of: value, count: count),
            "value \(value) of \(key) has other bytes than were taken")
        return value
    }

    /// The number of the value that a restore gives.
    func restored(
        from log: CheckpointLog, _ key: String, level: Int?, version: RestoreVersion = .newest
    ) async throws -> Int? {
        let name = CheckpointKey(key)
        switch Form(of: key) {
        case .structure:
            let payload = try await log.restore(Payload.self, for: name, level: level, version: version)
            return try payload.map { try check($0.value, $0.fill, of: key) }
        case .pair:
            let pair = try await log.restore(Int.self, [UInt8].self, for: name, level: level, version: version)
            return try pair.map { try check($0.0, $0.1, of: key) }
        case .bytes:
            let bytes = try await log.restoreBytes(for: name, level: level, version: version)
            return try bytes.map { bytes in
                var cursor = ByteCursor(bytes)
                let value = cursor.integer(UInt64.self).flatMap(Int.init(exactly:)) ?? -1
                return try check(value, Array(bytes.dropFirst(8)), of: key)
            }
        }
    }

    /// The number of the value of a group's member.
    func restored(_ key: String, of group: CheckpointGroup) async throws -> Int? {
        if Form(of: key) == .structure {
            let payload = try await group.restore(Payload.self, for: CheckpointKey(key))
            return try payload.map { try check($0.value, $0.fill, of: key) }
        }
        let pair = try await group.restore(Int.self, [UInt8].self, for: CheckpointKey(key))
        return try pair.map { try check($0.0, $0.1, of: key) }
    }
}
