import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

/// The clock may be wrong, and may jump: versions keep their order, and one wrong reading dates nothing but what was
/// taken by it.
@Suite struct ClockTests {
    let disk = SimulatedFileSystem(seed: 61)
    let time = Lock<Int64>(1_700_000_000_000_000)

    static let hour: Int64 = 3_600_000_000
    static let years: Int64 = 10 * 365 * 24 * hour

    func open(age: Duration? = nil) async throws -> CheckpointLog {
        try await VersionRemovalTests.open(disk, keep: 10, age: age, by: time)
    }

    func date(_ microseconds: Int64) -> Date { Date(timeIntervalSince1970: Double(microseconds) / 1_000_000) }

    func value(_ log: CheckpointLog, asOf time: Int64) async throws -> Int? {
        try await log.restore(Int.self, for: "key", level: 2, version: .asOf(date(time)))
    }

    /// Ten years ahead for one opening, and right again from the next on.
    @Test func oneWrongReadingDatesNothingElse() async throws {
        let right = time.withLock { $0 }
        var log = try await open()
        try await log.checkpoint(1, for: "key", level: 2)
        try await log.close()
        time.withLock { $0 = right + Self.years }
        log = try await open()
        try await log.checkpoint(2, for: "key", level: 2)
        // It is put right while the log is open: times do not run backwards there.
        time.withLock { $0 = right + Self.hour }
        try await log.checkpoint(3, for: "key", level: 2)
        try await log.close()
        time.withLock { $0 = right + 2 * Self.hour }
        log = try await open()
        try await log.checkpoint(4, for: "key", level: 2)
        let times = [right + 2 * Self.hour, right + Self.years, right + Self.years, right]
        #expect(try await log.history(for: "key", level: 2).map(\.date) == times.map(date))
        #expect(try await value(log, asOf: right + 3 * Self.hour) == 4)
        #expect(try await value(log, asOf: right + Self.hour) == 1)
        #expect(try await value(log, asOf: right - 1) == nil)
        // The greatest number of those that are no later, though an older one has a later time.
        #expect(try await value(log, asOf: right + 2 * Self.years) == 4)
        #expect(try await log.restore(Int.self, for: "key", level: 2) == 4)
        try await log.close()
        #expect(await FreedValueTests.findings(disk).isEmpty)
    }

    /// What was taken since is hidden and freed by its own age.
    @Test func agesAreRightAgain() async throws {
        let right = time.withLock { $0 }
        time.withLock { $0 = right + Self.years }
        var log = try await open(age: .seconds(3_600))
        try await log.checkpoint(1, for: "key", level: 2)
        try await log.close()
        time.withLock { $0 = right }
        log = try await open(age: .seconds(3_600))
        for value in 2...3 { try await log.checkpoint(value, for: "key", level: 2) }
        time.withLock { $0 = right + 2 * Self.hour }
        try await log.checkpoint(4, for: "key", level: 2)
        let newest = try await log.history(for: "key", level: 2).map(\.date)
        #expect(newest == [right + 2 * Self.hour, right + Self.years].map(date))
        try await log.close()
    }

    /// A clock that is put back by less than a day, as by a time server or at a change of zone, holds for a while.
    @Test func aSmallStepBackKeepsTheOrderOfTimes() async throws {
        let start = time.withLock { $0 }
        for step in 0..<4 {
            time.withLock { $0 = start - Int64(step) * 6 * Self.hour }
            let log = try await open()
            try await log.checkpoint(step, for: "key", level: 2)
            try await log.close()
        }
        let log = try await open()
        let dates = try await log.history(for: "key", level: 2).map(\.date)
        #expect(dates == dates.sorted(by: >) && dates.first == date(start))
        try await log.close()
    }

    @Test func aTimeHoldsForADayAtMost() {
        let day = 24 * Self.hour
        for (stored, now, expected) in [
            (0, 0, 0), (0, day, 0), (day, 0, day), (day + 1, 0, 0), (.max, .min, .min), (.min, .max, .min),
            (.max, .max, .max), (.max, -1, -1), (.max, .max - day, .max), (0, .min, .min), (-1, 0, -1),
        ] as [(Int64, Int64, Int64)] {
            #expect(LogEngine.startTime(after: stored, now) == expected, "\(stored), \(now)")
        }
    }
}
