import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// The tables of a snapshot, read after the records that come on top of them, give what one record after another gives.
@Suite struct StoredTablesTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        /// Keys that the snapshot has.
        var stored: Int
        /// Records that come on top: new keys, and newer, known and moved records of the others.
        var added: Int
        /// Whether a kind of record is among them that asks the index at once.
        var asks = false
        var testDescription: String { "\(stored) keys, \(added) records\(asks ? ", one of which asks the index" : "")" }
    }

    static let shapes = [
        Shape(stored: 0, added: 0), Shape(stored: 0, added: 5_000), Shape(stored: 300, added: 0),
        Shape(stored: 300, added: 10), Shape(stored: 300, added: 5_000), Shape(stored: 300, added: 5_000, asks: true),
        // More than a block of each table, with little and with much to add.
        Shape(stored: 600_000, added: 2_000), Shape(stored: 600_000, added: 200_000),
        Shape(stored: 600_000, added: 2_000, asks: true),
    ]

    static let present: [SegmentNumber] = [1, 2, 3]
    static let gone: SegmentNumber = 9

    static func add(
        _ key: Int, number: Int, segment: SegmentNumber, kind: RecordKind = .value,
        to body: (CatalogRecord) throws -> Void
    ) rethrows {
        var key = UInt64(key)
        try unsafe withUnsafeBytes(of: &key) { key in
            unsafe try body(
                CatalogRecord(
                    kind: kind, level: 1, sequenceNumber: SequenceNumber(rawValue: 1 << 32 | UInt64(number)),
                    location: FrameLocation(segment: segment, offset: number * 64, byteCount: 64), key: key,
                    origin: UnsafeRawBufferPointer(start: nil, count: 0),
                    value: kind == .reference ? ValueFile(segment: 1_000, byteCount: 9) : nil))
        }
    }

    /// A catalog with `count` keys, a few of which have records only in a segment that is gone.
    static func catalog(_ count: Int) throws -> RecordCatalog {
        let catalog = CatalogFeedTests.catalog()
        let feed = CatalogFeed(catalog, isUpdate: false, laneCount: 2)
        try feed.withBatch { batch in
            for key in 0..<count {
                try add(key, number: key + 1, segment: key % 1_000 == 7 ? gone : 1) { try feed.add($0, to: &batch) }
            }
        }
        try feed.flush()
        return catalog
    }

    static func forEachAdded(_ shape: Shape, _ body: (CatalogRecord) throws -> Void) throws {
        for number in 0..<shape.added {
            let key = number * 7 % max(1, shape.stored * 2)
            // Known already at the same place, known and moved, or new.
            if key < shape.stored, number % 3 == 0 {
                try add(key, number: key + 1, segment: number % 2 == 0 ? 1 : 2, to: body)
            } else {
                try add(key, number: shape.stored + number + 1, segment: 3, to: body)
            }
            if shape.asks, number == shape.added / 2 {
                try add(1 << 40, number: shape.stored + shape.added + 1, segment: 3, kind: .reference, to: body)
            }
        }
    }

    let disk = SimulatedFileSystem(seed: 3)

    /// Writes a snapshot of `catalog`, and returns what it takes to read it.
    func write(_ catalog: RecordCatalog) throws -> (manifest: Manifest, identity: LogIdentity) {
        try disk.createDirectory("/log")
        let identity = LogIdentity(
            fileSystem: disk, directory: try disk.openDirectory("/log"), identifier: LogIdentifier(high: 1, low: 2),
            hashSecret: catalog.hashSecret)
        var manifest = Manifest(identifier: identity.identifier, hashSecret: catalog.hashSecret)
        manifest.policies = CatalogFeedTests.policies
        manifest.open(as: 77)
        _ = try IndexSnapshot.write(catalog, manifest: manifest, excluding: { _ in false }, identity: identity) {}
        return (manifest, identity)
    }

    static func stored(
        _ log: (manifest: Manifest, identity: LogIdentity), into catalog: RecordCatalog
    ) throws -> IndexSnapshot.Stored {
        let found = try IndexSnapshot.read(into: catalog, manifest: log.manifest, identity: log.identity)
        guard case .usable(let stored) = found else { throw NotUsable() }
        return stored
    }

    struct NotUsable: Error {}

    @Test(arguments: shapes) func theyGiveWhatOneRecordAfterAnotherGives(shape: Shape) throws {
        let expected = try Self.catalog(shape.stored)
        let log = try write(expected)
        expected.removeEntries(outside: Self.present, laneCount: 1)
        let storedKeyCount = expected.index.count
        try Self.forEachAdded(shape) { _ = expected.update($0) }

        let read = CatalogFeedTests.catalog()
        let stored = try Self.stored(log, into: read)
        defer { stored.close() }
        read.removeEntries(outside: Self.present, laneCount: 1)
        let feed = CatalogFeed(
            read, isUpdate: true, tables: stored.tables(of: Self.present), expecting: shape.added, laneCount: 2)
        try feed.withBatch { batch in try Self.forEachAdded(shape) { try feed.add($0, to: &batch) } }
        try feed.flush()

        #expect(feed.storedKeyCount == storedKeyCount)
        #expect(read.index.count == expected.index.count)
        var different = 0
        expected.index.forEach { hash, entry, _ in
            // The one that is found by its hash, and not only while all are visited.
            if read.index.newestRecord(hash) != entry { different += 1 }
        }
        #expect(different == 0)
        for segment in Self.present + [Self.gone] {
            #expect(read.usage.liveByteCount(of: segment) == expected.usage.liveByteCount(of: segment), "\(segment)")
        }
        #expect(read.values.referencedSegments == expected.values.referencedSegments)
        // No more memory than a table that grew key by key may take.
        #expect(read.index.memoryByteCount <= max(64 * 32 * 32, 48 * read.index.count))
    }

    /// What is wrong with a table is known only when it is read.
    @Test func aDamagedTableIsNotUsed() throws {
        let log = try write(Self.catalog(600_000))
        let sound = try #require(disk.contents(of: "/log/SNAPSHOT"))
        // In the first block of the first table, in a later one, and in the last table.
        for place in [5, 300_000, sound.count - (sound.count / 100)] {
            var bytes = sound
            bytes[place] ^= 4
            disk.setContents(bytes, of: "/log/SNAPSHOT")
            for added in [0, 200_000] {
                let read = CatalogFeedTests.catalog()
                let stored = try Self.stored(log, into: read)
                defer { stored.close() }
                let feed = CatalogFeed(read, isUpdate: true, tables: stored.tables(of: Self.present), laneCount: 2)
                try feed.withBatch { batch in
                    try Self.forEachAdded(Shape(stored: 600_000, added: added)) { try feed.add($0, to: &batch) }
                }
                #expect(throws: StoredTables.Fault.self) { try feed.flush() }
            }
        }
    }

    /// A table does not become smaller when its keys are removed, but what is written of it does.
    @Test func aSnapshotAfterManyRemovalsIsSmall() throws {
        let catalog = try Self.catalog(100_000)
        let full = catalog.index.memoryByteCount
        _ = catalog.index.raiseFloor(of: 1, to: SequenceNumber(rawValue: 1 << 32 | 99_000))
        #expect(catalog.index.count < 2_000 && catalog.index.memoryByteCount == full)
        let log = try write(catalog)
        #expect(try #require(disk.contents(of: "/log/SNAPSHOT")).count < full / 20)
        let read = CatalogFeedTests.catalog()
        let stored = try Self.stored(log, into: read)
        defer { stored.close() }
        try CatalogFeed(read, isUpdate: true, tables: stored.tables(of: nil), laneCount: 1).flush()
        #expect(read.index.count == catalog.index.count)
    }
}
