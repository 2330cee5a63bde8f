import CheckpointLog
import Synchronization
import TestSupport
import Testing

/// What an opening takes in many records at a time comes to the state that one at a time comes to.
@Suite struct CatalogFeedTests {
    struct Record: Sendable {
        var kind: RecordKind
        var level: UInt8
        var number: SequenceNumber
        var location: FrameLocation
        var key: [UInt8]
        var origin: [UInt8]
        var value: ValueFile?

        func with<Result>(_ body: (CatalogRecord) throws -> Result) rethrows -> Result {
            unsafe try key.withUnsafeBytes { key in
                unsafe try origin.withUnsafeBytes { origin in
                    unsafe try body(
                        CatalogRecord(
                            kind: kind, level: level, sequenceNumber: number, location: location, key: key,
                            origin: origin, value: value))
                }
            }
        }
    }

    struct Shape: Sendable, CustomTestStringConvertible {
        var keyCount: Int
        var isUpdate: Bool
        var removesAll: Bool
        var testDescription: String {
            "\(keyCount) keys\(isUpdate ? ", beside a snapshot" : "")\(removesAll ? ", with removals of all" : "")"
        }
    }

    static let shapes = [
        Shape(keyCount: 30, isUpdate: false, removesAll: false),
        Shape(keyCount: 2_000, isUpdate: false, removesAll: true),
        Shape(keyCount: 50_000, isUpdate: false, removesAll: false),
        Shape(keyCount: 30, isUpdate: true, removesAll: true),
        Shape(keyCount: 2_000, isUpdate: true, removesAll: false),
        Shape(keyCount: 50_000, isUpdate: true, removesAll: true),
    ]

    /// Segments of `records(of:)`.
    static let segmentCount = 20
    static let goneSegment: SegmentNumber = 99
    static let recordCount = 20_000

    static func records(_ shape: Shape, _ generator: inout SeededGenerator) -> [Record] {
        (0..<recordCount).map { place in
            let kind: RecordKind =
                shape.removesAll && generator.isOne(in: 4_000)
                ? .removalOfAll
                : [.value, .value, .value, .value, .value, .removal, .reference, .mark, .group][
                    generator.number(below: generator.isOne(in: 3) ? 9 : 5)]
            let hasKey = kind != .removalOfAll
            let segment = SegmentNumber(1 + UInt32(place * segmentCount / recordCount))
            return Record(
                kind: kind, level: hasKey ? UInt8(1 + generator.number(below: 3)) : 2,
                number: SequenceNumber(rawValue: 1 << 32 | UInt64(place + 1)),
                location: FrameLocation(segment: segment, offset: place * 128, byteCount: 128),
                key: hasKey ? Array("key \(generator.number(below: shape.keyCount))".utf8) : [],
                origin: hasKey && generator.isOne(in: 10) ? Array("elsewhere".utf8) : [],
                value: kind == .reference ? ValueFile(segment: SegmentNumber(1_000 + UInt32(place)), byteCount: 9) : nil
            )
        }
    }

    static let policies: [UInt8: RecordedPolicy] = [
        2: .init(durability: .written, retention: .newest(1)),
        3: .init(durability: .written, retention: .newest(3)),
    ]

    static func catalog() -> RecordCatalog {
        RecordCatalog(hashSecret: HashSecret(first: 5, second: 6), retentions: Retentions(policies))
    }

    @Test(arguments: shapes) func manyAtATimeComeToWhatOneAtATimeComesTo(shape: Shape) throws {
        var generator = SeededGenerator(seed: testSeed(61))
        let records = Self.records(shape, &generator)
        let (expected, fed) = (Self.catalog(), Self.catalog())
        if shape.isUpdate {
            // What a snapshot knew: some records where they are, some where they were.
            for var record in records.prefix(Self.recordCount / 2) where record.kind != .removalOfAll {
                if generator.isOne(in: 3) { continue }
                if generator.isOne(in: 3) {
                    record.location = FrameLocation(
                        segment: Self.goneSegment, offset: record.location.offset, byteCount: 128)
                }
                record.with {
                    expected.insert($0)
                    fed.insert($0)
                }
            }
        }
        for record in records { record.with { shape.isUpdate ? _ = expected.update($0) : expected.insert($0) } }

        if shape.isUpdate, shape.keyCount != 2_000 {
            // Before the rest, as an opening does it, and after it is the same.
            let present = (1...Self.segmentCount).map { SegmentNumber(UInt32($0)) }
            fed.removeEntries(outside: present, laneCount: 2)
            expected.removeEntries(outside: present, laneCount: 1)
        }
        let feed = CatalogFeed(fed, isUpdate: shape.isUpdate, leastBatch: 1_000, laneCount: 2)
        var segments = (0..<Self.segmentCount).map { segment in
            records.filter { $0.location.segment == SegmentNumber(1 + UInt32(segment)) }
        }
        segments.shuffle(using: &generator)
        try Lanes.forEach(below: segments.count, laneCount: 2) { [segments] index in
            try feed.withBatch { batch in
                for record in segments[index] { try record.with { try feed.add($0, to: &batch) } }
            }
        }
        try feed.flush()
        feed.removeAll()
        Self.expectSame(fed, expected, records)
    }

    static func expectSame(_ fed: RecordCatalog, _ expected: RecordCatalog, _ records: [Record]) {
        let hashes = Set(records.map { $0.with { $0.hash(expected.hashSecret) } })
        let different = hashes.filter { fed.index.versions($0) != expected.index.versions($0) }
        #expect(different.isEmpty, "\(different.count) of \(hashes.count) keys")
        let notHeld = records.filter { record in
            record.with { fed.isLive($0) != expected.isLive($0) }
        }
        #expect(notHeld.isEmpty, "\(notHeld.count) of \(records.count) records")
        #expect(fed.index.count == expected.index.count)
        for segment in (1...segmentCount).map({ SegmentNumber(UInt32($0)) }) {
            #expect(fed.usage.liveByteCount(of: segment) == expected.usage.liveByteCount(of: segment), "\(segment)")
        }
        #expect(fed.index.levelsInUse == expected.index.levelsInUse)
        #expect(fed.values.referencedSegments == expected.values.referencedSegments)
        #expect(fed.origins == expected.origins)
        #expect(fed.hasGroupFrames == expected.hasGroupFrames)
    }

    /// A batch makes room for keys that are there already; the room goes back.
    @Test func whatABatchDidNotNeedIsGivenBack() throws {
        let fed = Self.catalog()
        let feed = CatalogFeed(fed, isUpdate: false, laneCount: 1)
        try feed.withBatch { batch in
            for number in 0..<100_000 {
                let record = Record(
                    kind: .value, level: 1, number: SequenceNumber(rawValue: 1 << 32 | UInt64(number + 1)),
                    location: FrameLocation(segment: 1, offset: number * 64, byteCount: 64),
                    key: Array("key \(number % 20_000)".utf8), origin: [])
                try record.with { try feed.add($0, to: &batch) }
            }
        }
        try feed.flush()
        #expect(fed.index.count == 20_000)
        #expect(fed.index.memoryByteCount <= 48 * 20_000)
    }

    /// Of several failures the one is thrown that a single thread would have met.
    @Test func theFirstFailureByNumberIsThrown() {
        struct Failure: Error, Equatable { var index: Int }
        for _ in 0..<100 {
            let begun = Atomic(0)
            #expect(throws: Failure(index: 0)) {
                try Lanes.forEach(below: 2, laneCount: 2) { index throws(Failure) in
                    begun.wrappingAdd(1, ordering: .acquiringAndReleasing)
                    // The second has failed by then, unless the machine gives it no time; the test then shows less.
                    var patience = index == 0 ? 1_000_000 : 0
                    while patience > 0 { patience -= begun.load(ordering: .acquiring) == 2 ? 100 : 1 }
                    throw Failure(index: index)
                }
            }
        }
    }
}
