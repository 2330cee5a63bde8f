import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// R4: the i-th call of the file system fails, for every i of a scripted life.
///
/// Proves: what was acknowledged is there when the disk is well again, what was not is wholly there or wholly absent;
/// after a failed sync nothing is taken any more; a disk without room costs the call that found it, and no other.
@Suite struct FaultSweepTests {
    struct Fault: Sendable, CustomTestStringConvertible {
        enum Effect: Sendable {
            case failure(Errno)
            case short(Int)
        }

        var name: String
        var effect: Effect
        var once = true
        var testDescription: String { "\(name), \(once ? "once" : "for good")" }

        func place(on disk: SimulatedFileSystem, call: Int) {
            switch effect {
            case .failure(let code): disk.fail(call: call, with: code, once: once)
            case .short(let byteCount): disk.shorten(call: call, toByteCount: byteCount, once: once)
            }
        }

        /// An interruption for good would be a signal without end: calls are repeated until it is over.
        static let all: [Fault] = [
            Fault(name: "EIO", effect: .failure(.ioError)),
            Fault(name: "EIO", effect: .failure(.ioError), once: false),
            Fault(name: "ENOSPC", effect: .failure(.noSpace)),
            Fault(name: "ENOSPC", effect: .failure(.noSpace), once: false),
            Fault(name: "EMFILE", effect: .failure(.tooManyOpenFiles)),
            Fault(name: "EMFILE", effect: .failure(.tooManyOpenFiles), once: false),
            Fault(name: "EINTR", effect: .failure(.interrupted)),
            Fault(name: "short", effect: .short(1)),
            Fault(name: "short", effect: .short(512), once: false),
        ]
    }

    static var callStride: Int { takesSamples && !isLongRun ? 13 : 1 }

    @Test func theLifeWithoutAFaultReachesEverything() throws {
        for mapping in [true, false] {
            let life = FaultedLife(mapping: mapping, failedSync: .kept)
            life.run()
            #expect(life.problems.isEmpty && life.refusals.isEmpty, "\(life.problems) \(life.refusals)")
            #expect(life.rollCount > 1 && life.compactionCount > 0)
            #expect(life.disk.callCount > 200)
        }
    }

    @Test(arguments: Fault.all, [true, false]) func everyCallMayFail(fault: Fault, mapping: Bool) throws {
        let whole = FaultedLife(mapping: mapping, failedSync: .kept)
        whole.run()
        let calls = whole.disk.callCount
        var (faults, shown) = (0, 0)
        for call in stride(from: 1, through: calls, by: Self.callStride) {
            let life = FaultedLife(mapping: mapping, failedSync: call % 2 == 0 ? .kept : .dropped)
            fault.place(on: life.disk, call: call)
            faults += 1
            life.run()
            life.checkAfterwards()
            guard !life.problems.isEmpty, shown < 6 else { continue }
            shown += 1
            Issue.record("\(fault.testDescription) at call \(call) of \(calls): \(life.problems.prefix(3))")
        }
        tellCounts("FaultSweep", ["faults": faults])
    }

    @Test(arguments: Fault.all, SpecimenLog.Access.allCases)
    func anOpeningThatFailsChangesNothingForTheNext(fault: Fault, access: SpecimenLog.Access) throws {
        let log = try SpecimenLog()
        var (faults, failures) = (0, 0)
        for boot in [CrashBoot.same, .another] {
            let image = log.disk.crashImage(.everything, boot: boot)
            let whole = image.copy()
            #expect(log.judge(whole, damaged: .active, access, boot: boot) == .intact)
            for call in stride(from: 1, through: whole.callCount, by: Self.callStride) {
                let disk = image.copy()
                fault.place(on: disk, call: call)
                faults += 1
                let label = "\(fault.testDescription) at call \(call)"
                do {
                    let configuration = SpecimenLog.configuration(disk)
                    let engine =
                        switch access {
                        case .writing: try LogEngine.open(at: SpecimenLog.path, configuration)
                        case .reading:
                            try LogEngine.openForReading(at: SpecimenLog.path, configuration, isSalvage: false)
                        }
                    disk.removeFaults()
                    #expect(log.stateNumbers(engine) == log.states.last, "\(label): what was opened is not whole")
                    engine.abandon()
                } catch {
                    failures += 1
                    let code = (error as? CheckpointLogError)?.code
                    #expect([.ioFailure, .diskFull].contains(code), "\(label): \(error)")
                }
                disk.removeFaults()
                #expect(log.judge(disk, damaged: .active, .writing, boot: boot) == .intact, "\(label), then well again")
            }
        }
        // A lack of room that the reserve ends is none: the opening is begun again.
        let isMet = fault.name == "ENOSPC" && fault.once && access == .writing
        if case .failure(let code) = fault.effect, code != .interrupted, !isMet { #expect(failures > 4) }
        tellCounts("FaultSweep", ["faults": faults])
    }
}
