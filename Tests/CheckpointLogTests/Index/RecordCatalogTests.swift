import CheckpointLog
import TestSupport
import Testing

/// The catalog against a plain dictionary of versions: the same records in any order come to the same state.
@Suite struct RecordCatalogTests {
    /// A record, as the model and the catalog are told of it.
    struct Event {
        var kind: RecordKind
        var level: UInt8
        var key: [UInt8]
        var number: SequenceNumber
        var location: FrameLocation
    }

    struct Model {
        var values: [String: [Event]] = [:]
        var removed: [String: SequenceNumber] = [:]
        var floors: [UInt8: SequenceNumber] = [:]

        mutating func add(_ event: Event) {
            let name = Self.name(event.level, event.key)
            switch event.kind {
            case .value: values[name, default: []].append(event)
            case .removal: removed[name] = max(removed[name] ?? event.number, event.number)
            default: floors[event.level] = max(floors[event.level] ?? event.number, event.number)
            }
        }

        /// The versions that can be restored, newest first.
        func versions(_ level: UInt8, _ key: [UInt8], keep: Int) -> [SequenceNumber] {
            let name = Self.name(level, key)
            let least = [removed[name], floors[level], floors[0]].compactMap { $0 }.max()
            let numbers = (values[name] ?? []).map(\.number).filter { least.map { least in $0 > least } ?? true }
            return Array(numbers.sorted(by: >).prefix(keep))
        }

        static func name(_ level: UInt8, _ key: [UInt8]) -> String { "\(level) \(key)" }
    }

    static func keep(_ level: UInt8) -> Int { level == 1 ? 1 : 3 }

    static func events(_ count: Int, _ generator: inout SeededGenerator) -> [Event] {
        (1...count).map { number in
            let pick = Int.random(in: 0..<200, using: &generator)
            let kind: RecordKind = pick == 0 ? .removalOfAll : (pick < 25 ? .removal : .value)
            let level = UInt8.random(in: 1...2, using: &generator)
            return Event(
                kind: kind, level: kind == .removalOfAll && Bool.random(using: &generator) ? 0 : level,
                key: kind == .removalOfAll ? [] : Array("key \(Int.random(in: 0..<400, using: &generator))".utf8),
                number: SequenceNumber(epoch: 1, count: UInt32(number)),
                location: FrameLocation(
                    segment: UInt32(1 + number / 500), offset: 128 + number % 500 * 72, byteCount: 72))
        }
    }

    static func insert(_ event: Event, into catalog: RecordCatalog) {
        unsafe event.key.withUnsafeBytes { key in
            unsafe catalog.insert(
                CatalogRecord(
                    kind: event.kind, level: event.level, sequenceNumber: event.number, location: event.location,
                    key: key, origin: .empty))
        }
    }

    static func hash(_ catalog: RecordCatalog, _ level: UInt8, _ key: [UInt8]) -> KeyHash {
        unsafe key.withUnsafeBytes { unsafe KeyHash(catalog.hashKey, level: level, origin: .empty, key: $0) }
    }

    @Test(arguments: [false, true]) func recordsInAnyOrderComeToTheStateOfTheModel(isShuffled: Bool) {
        var generator = SeededGenerator(seed: testSeed())
        for _ in 0..<(isLongRun ? 50 : 6) {
            let events = Self.events(4_000, &generator)
            let catalog = RecordCatalog(hashKey: HashKey(first: generator.next(), second: generator.next())) {
                Self.keep($0)
            }
            var model = Model()
            for event in isShuffled ? events.shuffled(using: &generator) : events {
                model.add(event)
                Self.insert(event, into: catalog)
            }
            var live = 0
            for level in UInt8(1)...2 {
                for key in (0..<400).map({ Array("key \($0)".utf8) }) {
                    let expected = model.versions(level, key, keep: Self.keep(level))
                    let hash = Self.hash(catalog, level, key)
                    let found = catalog.index.versions(hash).map(\.sequenceNumber)
                    // A removal that came after older versions were trimmed may have cost versions that the model would keep
                    // only where the order was another: the newest is the same in every order.
                    #expect(found.first == expected.first)
                    if !isShuffled { #expect(found == expected) }
                    #expect(Set(found).isSubset(of: Set(model.versions(level, key, keep: .max))))
                    live += found.count
                }
            }
            #expect(catalog.usage.liveByteCount >= live * 72)
        }
    }

    @Test func compactionMovesWhatStillStandsWhereItStood() {
        var generator = SeededGenerator(seed: testSeed())
        let events = Self.events(2_000, &generator).filter { $0.kind == .value }
        let catalog = RecordCatalog(hashKey: HashKey(first: 1, second: 2)) { Self.keep($0) }
        for event in events { Self.insert(event, into: catalog) }
        for event in events where Bool.random(using: &generator) {
            let hash = Self.hash(catalog, event.level, event.key)
            let held = catalog.index.holds(hash, event.number)
            let new = FrameLocation(segment: 99, offset: event.location.offset, byteCount: 72)
            catalog.relocate(hash, event.number, from: event.location, to: new)
            #expect(catalog.index.location(hash, event.number) == (held ? new : nil))
            // A second move from the old place is another record's.
            catalog.relocate(hash, event.number, from: event.location, to: event.location)
            #expect(catalog.index.location(hash, event.number) == (held ? new : nil))
        }
    }
}
