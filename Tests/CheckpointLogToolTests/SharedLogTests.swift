import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// R10: one process writes and compacts, four read beside it, and any of them is killed at any time.
///
/// Proves: a reader sees whole values only, never an older one than before, and all that was acknowledged when it began
/// to look, also while the writer is dead or opens again; it is never refused.
@Suite struct SharedLogTests {
    static let readerCount = 4
    /// Far more than any answer takes, on a machine with a slow disk and other things to do, too.
    static let patienceSeconds: Int32 = 120

    static var roundCount: Int {
        #if DEBUG
        isLongRun ? 1_000 : 12
        #else
        isLongRun ? 1_000 : 100
        #endif
    }

    /// A writer and its readers; the writer is at index 0.
    final class Company {
        struct Reader {
            var isStarted = false
            /// What was known when it was asked to look.
            var askedAt: [String: Int] = [:]
            var answer: [String: Int] = [:]
        }

        let path: String
        var watch = SharedLogWatch()
        var processes: [TalkingProcess] = []
        var readers = [Reader](repeating: Reader(), count: SharedLogTests.readerCount)
        var isWriterStarted = false
        var (starts, kills) = (0, 0)

        init(path: String) throws {
            self.path = path
            processes = [try start(0)]
            // A reader is refused where there is no log yet.
            while !isWriterStarted, watch.problems.isEmpty { try listen() }
            for index in 1...SharedLogTests.readerCount { processes.append(try start(index)) }
        }

        private func start(_ index: Int) throws -> TalkingProcess {
            if index == 0 { isWriterStarted = false } else { readers[index - 1] = Reader() }
            return try TalkingProcess("KilledWriter", index == 0 ? "write" : "read", path)
        }

        /// Waits for something to be said, takes it in, and starts what has ended after its kill anew.
        func listen() throws {
            let ready = TalkingProcess.ready(processes, seconds: SharedLogTests.patienceSeconds)
            if ready.isEmpty { watch.complain("nobody said anything for \(SharedLogTests.patienceSeconds) s") }
            for index in ready {
                guard let lines = try processes[index].hear() else {
                    try replace(index)
                    continue
                }
                for line in lines {
                    if index > 0 {
                        take(line, fromReader: index - 1)
                    } else if watch.take(fromWriter: line) {
                        isWriterStarted = true
                        starts += 1
                    }
                }
            }
        }

        private func replace(_ index: Int) throws {
            let isKilled = processes[index].isKilled
            if let problem = processes[index].end() ?? (isKilled ? nil : "it ended by itself") {
                watch.complain("\(index == 0 ? "the writer" : "reader \(index)"): \(problem)")
            }
            if index == 0 { watch.writerHasEnded() }
            processes[index] = try start(index)
        }

        private func take(_ line: String, fromReader index: Int) {
            switch line {
            case "opening": break
            case "started":
                readers[index].isStarted = true
                starts += 1
                askToLook(index)
            case "looked":
                let reader = readers[index]
                watch.take(look: reader.answer, askedAt: reader.askedAt, by: "reader \(index + 1)")
                askToLook(index)
            default:
                guard !line.hasPrefix("wrong"), let space = line.lastIndex(of: " "),
                    let number = Int(line[line.index(after: space)...])
                else { return watch.complain("reader \(index + 1): \(line)") }
                readers[index].answer[String(line[..<space])] = number
            }
        }

        private func askToLook(_ index: Int) {
            readers[index].askedAt = watch.least
            readers[index].answer = [:]
            processes[index + 1].tell("look")
        }

        func kill(_ victims: [Int]) {
            for index in victims where !processes[index].isKilled {
                kills += 1
                processes[index].kill()
            }
        }

        /// Kills everyone, and hears what they said before.
        func end() throws {
            for process in processes { process.kill() }
            for (index, process) in processes.enumerated() {
                while let lines = try process.hear() {
                    for line in lines where index == 0 { _ = watch.take(fromWriter: line) }
                }
                _ = process.end()
            }
            watch.writerHasEnded()
        }
    }

    /// The rounds, on a thread of their own: they wait for processes.
    static func run(_ path: String, seed: UInt64) throws -> Company {
        // Who is told something may be dead already.
        signal(SIGPIPE, SIG_IGN)
        let company = try Company(path: path)
        var generator = SeededGenerator(seed: seed)
        for round in 0..<roundCount {
            // A round in five kills at once, which meets openings; the others let everyone come to work before.
            let isAtOnce = round % 5 == 4
            let looks = company.watch.lookCount + (isAtOnce ? 0 : 1 + generator.number(below: 12))
            let told = company.watch.acknowledgedCount + (isAtOnce ? 0 : generator.number(below: 300))
            let isWhole = round % 5 == 0
            while company.watch.problems.isEmpty,
                company.watch.lookCount < looks || company.watch.acknowledgedCount < told
                    || isWhole && !(company.isWriterStarted && company.readers.allSatisfy(\.isStarted))
            { try company.listen() }
            guard company.watch.problems.isEmpty else { break }
            let one = 1 + generator.number(below: readerCount)
            switch generator.number(below: 5) {
            case 0, 1: company.kill([0])
            case 2: company.kill([one])
            case 3: company.kill([0, one])
            default: company.kill((0...readerCount).filter { _ in generator.isOne(in: 2) })
            }
            // Its end is heard before the next kill, its new beginning is not.
            while company.watch.problems.isEmpty, company.processes.contains(where: \.isKilled) {
                try company.listen()
            }
        }
        // A compaction comes with every fiftieth group, however many came in the rounds.
        while company.watch.problems.isEmpty, company.watch.compactionCount == 0 { try company.listen() }
        try company.end()
        return company
    }

    @Test func readersSeeWhatWasAcknowledgedWhoeverIsKilled() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("log").string
        let seed = testSeed(10)
        let outcome: Result<(SharedLogWatch, starts: Int, kills: Int), any Error> = await withCheckedContinuation {
            continuation in
            let thread = NamedThread(name: "company") {
                continuation.resume(
                    returning: Result {
                        let company = try Self.run(path, seed: seed)
                        return (company.watch, company.starts, company.kills)
                    })
            }
            if thread == nil { continuation.resume(returning: .failure(Errno.noMemory)) }
        }
        let (watch, starts, kills) = try outcome.get()
        #expect(watch.problems.isEmpty, "seed \(seed): \(watch.problems.prefix(5))")
        // A round in five waits until everyone has started, after kills in the rounds before; four in five wait for a
        // look or more.
        #expect(starts >= Self.roundCount / 5 && kills >= Self.roundCount / 2)
        #expect(watch.lookCount >= Self.roundCount * 4 / 5 && watch.compactionCount > 0)
        let report = await LogVerifier(directory: path, level: .deep).verify()
        #expect(report.exitCode <= 1, "seed \(seed): \(report.findings)")
        try await restoreAll(path, atLeast: watch.least)
        tellCounts(
            "SharedLog",
            [
                "rounds": Self.roundCount, "kills": kills, "starts": starts, "looks": watch.lookCount,
                "compactions": watch.compactionCount, "operations": watch.acknowledgedCount,
            ])
    }

    /// After everybody's end the log holds all that anybody knew.
    private func restoreAll(_ path: String, atLeast least: [String: Int]) async throws {
        let log = try await CheckpointLog.open(at: path)
        for (name, number) in least where name != "pair" && name != "fleeting" {
            let value = try await log.restore(CountedValue.self, for: CheckpointKey(name))
            #expect((value?.number ?? 0) >= number && value?.isWhole(of: name) == true, "\(name), \(number)")
        }
        let group = try #require(try await log.restoreGroup("pair", level: 1))
        let left = try await group.restore(CountedValue.self, for: "left")
        #expect((left?.number ?? 0) >= least["pair"] ?? 0)
        try await log.close()
        #expect(await LogVerifier(directory: path, level: .deep).verify().exitCode == 0)
    }
}
