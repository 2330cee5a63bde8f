import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Files that shrink while they are read, and files that the system does not give. The tests run as root, whom no
/// permission bits stop, so the refusals are simulated.
@Suite(.timeLimit(.minutes(2))) struct MovingFilesTests {
    static let names =
        ["MANIFEST", "POSITION", "SNAPSHOT"]
        + SegmentRole.allCases.compactMap { HostileLog.segments($0).last?.fileName }
        + [HostileLog.segments(.log).first?.fileName ?? ""]

    /// Each read of the file in turn finds it cut to half, or to nothing.
    @Test(arguments: names) func aFileThatShrinksWhileReadIsAnErrorAtMost(name: String) throws {
        for way in LogSurvey.Way.allCases {
            for turn in [1, 2, 3, 5, 8] {
                for share in [0, 2] {
                    let log = try HostileLog(isSimulated: true)
                    let disk = try #require(log.disk)
                    let path = log.path(name)
                    let interruption = Interruption(turn: turn)
                    let bytes = HostileLog.files[name] ?? []
                    disk.observe { call in
                        guard call.operation == .read, call.path == path else { return }
                        interruption.arrive {
                            disk.setContents(share == 0 ? [] : Array(bytes.prefix(bytes.count / share)), of: path)
                        }
                    }
                    let outcome = log.look(way)
                    #expect(!outcome.isWrong, "\(way), read \(turn): \(outcome)")
                    #expect(log.isOutsideUntouched)
                }
            }
        }
    }

    @Test(arguments: names, [Errno.permissionDenied, .notPermitted])
    func aFileThatMayNotBeOpenedIsAnErrorOfTheSystem(name: String, code: Errno) throws {
        for way in LogSurvey.Way.allCases {
            let log = try HostileLog(isSimulated: true)
            let path = log.path(name)
            try #require(log.disk).fail(.open, where: { $0 == path }, with: code, once: false)
            let outcome = log.look(way)
            #expect(!outcome.isWrong, "\(way): \(outcome)")
            // Never taken for damage, or for a log that is not there.
            #expect(outcome != .refused(.damaged) && outcome != .refused(.notALog), "\(way): \(outcome)")
            if way == .verification { #expect(outcome == .verified(5) || name == "SNAPSHOT", "\(outcome)") }
            try #require(log.disk).removeFaults()
            #expect(
                log.look(.reading) == .opened(restored: way == .writing && outcome != .refused(.ioFailure) ? 11 : 10))
        }
    }

    @Test(arguments: [SimulatedCall.Operation.list, .lock, .create, .createDirectory, .rename, .remove, .syncDirectory])
    func aDirectoryThatMayNotBeChangedIsAnErrorOfTheSystem(operation: SimulatedCall.Operation) throws {
        for way in LogSurvey.Way.allCases {
            let log = try HostileLog(isSimulated: true)
            try #require(log.disk).fail(operation, with: .permissionDenied, once: false)
            let outcome = log.look(way)
            #expect(!outcome.isWrong, "\(way): \(outcome)")
            #expect(outcome != .refused(.damaged) && outcome != .refused(.notALog), "\(way): \(outcome)")
            try #require(log.disk).removeFaults()
            #expect(log.look(.reading) == .opened(restored: 10))
        }
    }
}
