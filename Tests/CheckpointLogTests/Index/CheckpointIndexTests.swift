import CheckpointLog
import TestSupport
import Testing

/// The index against a model that keeps every record it was ever told of, and works out from these what must be found.
@Suite struct CheckpointIndexTests {
    /// Every record, by the rules of FORMAT.md, "What is live", and nothing else.
    struct Model {
        struct Record {
            var location: FrameLocation
            var isRemoval: Bool
            var isMarked = false
            /// Whether the version was removed: the location is then of the record that says so.
            var isRemovedVersion = false
        }

        var records: [KeyHash: [SequenceNumber: Record]] = [:]
        var floors: [UInt8: SequenceNumber] = [:]

        func floor(_ level: UInt8) -> SequenceNumber {
            max(floors[level] ?? SequenceNumber(rawValue: 0), floors[0] ?? SequenceNumber(rawValue: 0))
        }

        /// The newest removal that still counts.
        func removal(_ hash: KeyHash) -> SequenceNumber? {
            let floor = floor(hash.level)
            return records[hash]?.filter { $0.value.isRemoval && $0.key > floor }.keys.max()
        }

        func versions(_ hash: KeyHash) -> [SequenceNumber] {
            kept(hash).filter { records[hash]?[$0]?.isRemovedVersion == false }
        }

        /// The versions that can be restored, and what stands in the places of others.
        private func kept(_ hash: KeyHash) -> [SequenceNumber] {
            let least = max(floor(hash.level), removal(hash) ?? SequenceNumber(rawValue: 0))
            let numbers = records[hash]?.filter { !$0.value.isRemoval && $0.key > least }.keys.sorted(by: >) ?? []
            let newest = numbers.prefix(CheckpointIndexTests.keep(hash.level))
            guard CheckpointIndexTests.keepsMarked(hash.level) else { return Array(newest) }
            return newest + numbers.dropFirst(newest.count).filter { records[hash]?[$0]?.isMarked ?? false }
        }

        /// The frames that must stay where they are.
        func heldLocations(_ hash: KeyHash) -> Set<FrameLocation> {
            let numbers = kept(hash) + (removal(hash).map { [$0] } ?? [])
            return Set(numbers.compactMap { records[hash]?[$0]?.location })
        }
    }

    static func keep(_ level: UInt8) -> Int { [1, 1, 2, 5, 1, 3][Int(level)] }

    static func keepsMarked(_ level: UInt8) -> Bool { level >= 4 }

    static func hash(_ key: Int, _ level: UInt8) -> KeyHash {
        unsafe Array("key \(key)".utf8).withUnsafeBytes {
            unsafe KeyHash(HashSecret(first: 1, second: 2), level: level, origin: .empty, key: $0)
        }
    }

    struct Order: Sendable, CustomTestStringConvertible {
        var isShuffled: Bool
        var keyCount: Int
        var testDescription: String { "\(keyCount) keys, \(isShuffled ? "shuffled" : "in order")" }
    }

    static let orders = [
        Order(isShuffled: false, keyCount: 40), Order(isShuffled: true, keyCount: 40),
        Order(isShuffled: true, keyCount: 4_000),
    ]

    /// Records in any order come to the state that their numbers say, and every frame that is not held is given up
    /// once.
    @Test(arguments: orders) func anyOrderComesToWhatTheNumbersSay(order: Order) {
        var generator = SeededGenerator(seed: testSeed(21))
        let index = CheckpointIndex()
        var model = Model()
        var given: Set<FrameLocation> = []
        var dead: [FrameLocation] = []
        var numbers = (1...12_000).map { UInt64($0) }
        if order.isShuffled { numbers.shuffle(using: &generator) }
        for (step, raw) in numbers.enumerated() {
            let number = SequenceNumber(rawValue: 1 << 32 | raw)
            let level = UInt8(1 + generator.number(below: 5))
            let location = FrameLocation(
                segment: SegmentNumber(1 + UInt32(raw / 1_000)), offset: Int(raw % 1_000) * 128, byteCount: 128)
            if generator.isOne(in: 2_000) {
                let level = generator.isOne(in: 3) ? 0 : level
                model.floors[level] = max(model.floors[level] ?? number, number)
                dead += index.raiseFloor(of: level, to: number)
            } else {
                let hash = Self.hash(generator.number(below: order.keyCount), level)
                let isRemoval = generator.isOne(in: 8)
                let isMarked = !isRemoval && generator.isOne(in: 4)
                let isRemovedVersion = !isRemoval && generator.isOne(in: 6)
                var entries = [
                    IndexEntry(sequenceNumber: number, location: location, isRemoval: isRemoval, isMarked: isMarked)
                ]
                if isRemovedVersion {
                    entries.append(
                        IndexEntry(
                            sequenceNumber: number, location: FrameLocation(bits: location.bits | 1 << 62),
                            isMarked: isMarked, isRemovedVersion: true))
                }
                model.records[hash, default: [:]][number] = .init(
                    location: entries.last?.location ?? location, isRemoval: isRemoval, isMarked: isMarked,
                    isRemovedVersion: isRemovedVersion)
                if order.isShuffled { entries.shuffle(using: &generator) }
                for entry in entries {
                    given.insert(entry.location)
                    dead += index.insert(hash, entry, keep: Self.keep(level), keepsMarked: Self.keepsMarked(level)).dead
                }
            }
            if step % 1_500 == 0 { Self.compare(index, model) }
        }
        Self.compare(index, model)
        let held = model.records.keys.reduce(into: Set<FrameLocation>()) { $0.formUnion(model.heldLocations($1)) }
        #expect(Set(dead).count == dead.count, "a frame is given up twice")
        #expect(Set(dead) == given.subtracting(held))
    }

    static func compare(_ index: CheckpointIndex, _ model: Model) {
        var mismatches = 0
        for (hash, records) in model.records {
            let versions = model.versions(hash)
            let found = index.versions(hash)
            let isRight =
                found.map(\.sequenceNumber) == versions && index.newest(hash)?.sequenceNumber == versions.first
                && found.allSatisfy { records[$0.sequenceNumber]?.location == $0.location }
                && model.removal(hash).map { index.holds(hash, $0) } ?? true
                && index.end(of: hash) == model.removal(hash) ?? model.floor(hash.level)
            mismatches += isRight ? 0 : 1
        }
        #expect(mismatches == 0, "\(mismatches) of \(model.records.count) keys")
    }

    /// Compaction moves frames while newer records come in; what is not held any more does not move.
    @Test func movedFramesAreFoundWhereTheyAre() {
        var generator = SeededGenerator(seed: testSeed(22))
        let index = CheckpointIndex()
        var model = Model()
        for raw in UInt64(1)...6_000 {
            let number = SequenceNumber(rawValue: 1 << 32 | raw)
            let level = UInt8(1 + generator.number(below: 5))
            let hash = Self.hash(generator.number(below: 60), level)
            let location = FrameLocation(segment: 1, offset: Int(raw) * 64, byteCount: 64)
            let isRemoval = generator.isOne(in: 9)
            let isMarked = !isRemoval && generator.isOne(in: 4)
            model.records[hash, default: [:]][number] = .init(
                location: location, isRemoval: isRemoval, isMarked: isMarked)
            let entry = IndexEntry(
                sequenceNumber: number, location: location, isRemoval: isRemoval, isMarked: isMarked)
            _ = index.insert(hash, entry, keep: Self.keep(level), keepsMarked: Self.keepsMarked(level))
            guard raw % 3 == 0, let old = model.records[hash]?.randomElement(using: &generator) else { continue }
            let new = FrameLocation(segment: 2, offset: Int(raw) * 64, byteCount: 64)
            let isHeld = model.heldLocations(hash).contains(old.value.location)
            #expect(index.relocate(hash, old.key, from: old.value.location, to: new) == isHeld)
            if isHeld { model.records[hash]?[old.key]?.location = new }
            #expect(!index.relocate(hash, old.key, from: old.value.location, to: new))
        }
        Self.compare(index, model)
    }

    /// A removal that is forgotten leaves the newer versions alone, and one that is not there changes nothing.
    @Test func aForgottenRemovalLeavesTheRest() {
        let index = CheckpointIndex()
        let hash = Self.hash(1, 3)
        func number(_ raw: UInt64) -> SequenceNumber { SequenceNumber(rawValue: raw) }
        for raw in UInt64(1)...5 {
            let location = FrameLocation(segment: 1, offset: Int(raw) * 64, byteCount: 64)
            let entry = IndexEntry(sequenceNumber: number(raw), location: location, isRemoval: raw == 3)
            _ = index.insert(hash, entry, keep: 5)
        }
        index.forget(hash, number(4))
        #expect(index.versions(hash).map(\.sequenceNumber) == [number(5), number(4)])
        #expect(index.holds(hash, number(3)))
        index.forget(hash, number(3))
        #expect(!index.holds(hash, number(3)))
        #expect(index.versions(hash).map(\.sequenceNumber) == [number(5), number(4)])
    }

    /// ARCHITECTURE.md, section 11: at most 48 bytes a key at any size.
    @Test func aKeyCostsAtMostFortyEightBytes() {
        let index = CheckpointIndex()
        for key in 0..<60_000 {
            let entry = IndexEntry(
                sequenceNumber: SequenceNumber(rawValue: UInt64(key + 1)),
                location: FrameLocation(segment: 1, offset: key * 64, byteCount: 64))
            _ = index.insert(Self.hash(key, 1), entry, keep: 1)
            if key > 20_000, key % 5_000 == 0 { #expect(index.memoryByteCount <= 48 * index.count) }
        }
        #expect(index.count == 60_000)
    }
}
