import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Who syncs: the thread that does so for all, or whoever waits alone.
@Suite(.timeLimit(.minutes(5))) struct SyncQueueTests {
    /// A log, and for each sync of a segment whether the calling thread made it.
    private static func openTellingThreads() throws -> (SimulatedFileSystem, LogEngine, Lock<[Bool]>) {
        let disk = SimulatedFileSystem()
        var configuration = SpecimenLog.configuration(disk)
        configuration.runsInline = false
        let engine = try LogEngine.open(at: SpecimenLog.path, configuration)
        let own = ObjectIdentifier(Thread.current)
        let areOwn = Lock<[Bool]>([])
        disk.observe { call in
            guard call.operation == .sync, call.path.string.hasSuffix(".log") else { return }
            areOwn.withLock { $0.append(ObjectIdentifier(Thread.current) == own) }
        }
        return (disk, engine, areOwn)
    }

    private static func append(_ engine: LogEngine) throws -> LogPosition {
        try engine.append(PowerLossTests.bytes(1, count: 300), PowerLossTests.content(), key: "key").end
    }

    @Test func aThreadThatWaitsAloneSyncsItself() throws {
        let (disk, engine, areOwn) = try Self.openTellingThreads()
        defer { engine.abandon() }
        let queue = try engine.requireWriter().sync
        for count in 1...3 {
            let end = try Self.append(engine)
            try queue.waitUntilSynced(end)
            #expect(areOwn.withLock { $0 } == [Bool](repeating: true, count: count))
            #expect(try engine.requireWriter().appender.syncedPosition >= end)
        }
        disk.observe(nil)
    }

    /// A task's thread is wanted by all tasks: it syncs once it is known that this is quick, and no longer when it is
    /// not.
    @Test func aTaskSyncsItselfWhileThatIsQuick() throws {
        let (disk, engine, areOwn) = try Self.openTellingThreads()
        defer { engine.abandon() }
        let queue = try engine.requireWriter().sync
        func sync() throws -> Bool {
            let end = try Self.append(engine)
            if try queue.syncAlone(isPatient: false) { return true }
            let isDone = Lock(false)
            queue.whenSynced(end) { _ in
                isDone.withLock { $0 = true }
                isDone.wakeAll()
            }
            isDone.wait { $0 ? () : nil }
            return false
        }
        #expect(try !sync(), "nothing is known before the first")
        // A simulated disk takes microseconds, but the machine may be busy with something else.
        while try !sync() {}
        let slow = Lock(0)
        disk.observe { call in
            guard call.operation == .sync, call.path.string.hasSuffix(".log") else { return }
            _ = slow.wait(atMost: 3_000_000) { _ -> Void? in nil }
        }
        _ = try sync()
        for _ in 0..<3 { #expect(try !sync(), "a disk that takes three milliseconds") }
        disk.observe(nil)
        #expect(areOwn.withLock { $0.first } == false)
    }

    /// Once the queue is stopped nobody syncs any more, and the files can be closed.
    @Test func stoppingWaitsForWhoSyncsAlone() throws {
        let (disk, engine, _) = try Self.openTellingThreads()
        defer { engine.abandon() }
        let queue = try engine.requireWriter().sync
        let end = try Self.append(engine)
        // 1: in the sync, 2: let go, 3: stopped.
        let stage = Lock(0)
        disk.observe { call in
            guard call.operation == .sync, call.path.string.hasSuffix(".log") else { return }
            stage.withLock { $0 = max($0, 1) }
            stage.wakeAll()
            stage.wait { $0 >= 2 ? () : nil }
        }
        let isSynced = Lock(false)
        _ = try #require(
            NamedThread(name: "waits") {
                try? queue.waitUntilSynced(end)
                isSynced.withLock { $0 = true }
                isSynced.wakeAll()
            })
        stage.wait { $0 == 1 ? () : nil }
        let isStopped = Lock(false)
        _ = try #require(
            NamedThread(name: "stops") {
                queue.stop()
                isStopped.withLock { $0 = true }
                isStopped.wakeAll()
            })
        // It would be long before this time is over.
        #expect(isStopped.wait(atMost: 200_000_000) { $0 ? () : nil } == nil)
        stage.withLock { $0 = 2 }
        stage.wakeAll()
        isStopped.wait { $0 ? () : nil }
        isSynced.wait { $0 ? () : nil }
        disk.observe(nil)
        #expect(try !queue.syncAlone(isPatient: true))
    }

    /// Tasks that come while another one syncs are served together, by the thread.
    @Test func whoComesMeanwhileIsServedByTheThread() throws {
        let (disk, engine, areOwn) = try Self.openTellingThreads()
        defer { engine.abandon() }
        let queue = try engine.requireWriter().sync
        let own = ObjectIdentifier(Thread.current)
        let served = Lock(0)
        let first = Lock(true)
        disk.observe { call in
            guard call.operation == .sync, call.path.string.hasSuffix(".log") else { return }
            areOwn.withLock { $0.append(ObjectIdentifier(Thread.current) == own) }
            guard
                first.withLock({ isFirst in
                    defer { isFirst = false }; return isFirst
                })
            else { return }
            for _ in 0..<5 {
                guard let end = try? Self.append(engine) else { return }
                #expect((try? queue.syncAlone(isPatient: true)) == false)
                queue.whenSynced(end) { _ in
                    served.withLock { $0 += 1 }
                    served.wakeAll()
                }
            }
        }
        try queue.waitUntilSynced(try Self.append(engine))
        served.wait { $0 == 5 ? () : nil }
        disk.observe(nil)
        #expect(areOwn.withLock { $0 } == [true, false])
        #expect(try !queue.syncAlone(isPatient: true), "others may come again")
    }
}
