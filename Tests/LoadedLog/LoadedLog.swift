import CheckpointLog
import SystemPackage
import TestSupport

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A thousand tasks that take checkpoints at the memory, the written and the synced level of one log at once.
///
/// usage: LoadedLog slow|real SECONDS SEED
///
/// * `slow`: a simulated disk whose every sync takes 50 ms, and which is full in the middle of the time.
/// * `real`: the disk of this machine, with 64 descriptors for the whole process.
///
/// Proves: no call fails but those that a full disk refuses; a log that was refused goes on once there is room; memory
/// is bounded, by ``memoryByteLimit``; at the end everything that was acknowledged is there, and `log-verify --level
/// deep` has no finding. Exits 0 then, else 1, with what is wrong on standard error.
@main
struct LoadedLog {
    enum Disk: String {
        case slow, real
    }

    static let taskCount = 1_000
    static let descriptorLimit = 64
    static let syncMicroseconds: UInt32 = 50_000
    /// Of the whole process. 1,000 tasks hand over 0.4 KiB each as a rule and 100 KB at the most; the log maps three
    /// segments of 16 MiB; and the simulated disk keeps up to three copies of what it holds.
    static let memoryByteLimit = 512 << 20
    /// Refusals that show that the disk was full for everyone.
    static let wantedRefusalCount = 200

    let disk: Disk
    let seconds: Double
    let seed: UInt64
    let simulated: SimulatedFileSystem
    let directory: TemporaryDirectory
    let tally = LoadTally()

    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count == 3, let disk = Disk(rawValue: arguments[1]), let seconds = Double(arguments[2]),
            let seed = UInt64(arguments[3])
        else {
            print("usage: LoadedLog slow|real SECONDS SEED")
            exit(64)
        }
        let load = LoadedLog(
            disk: disk, seconds: seconds, seed: seed, simulated: SimulatedFileSystem(seed: seed),
            directory: try TemporaryDirectory())
        try await load.run()
        for problem in load.tally.problems { _ = try? FileDescriptor.standardError.writeAll((problem + "\n").utf8) }
        if !load.tally.problems.isEmpty { exit(1) }
    }

    private var path: FilePath { disk == .slow ? "/log" : directory.path.appending("log") }

    private var configuration: Configuration {
        var configuration = Configuration()
        configuration.segmentByteLimit = 16 << 20
        configuration.largeValueByteCount = 64 << 10
        // Half of the keys have to be written out while the others are taken.
        configuration.memoryCountLimit = Self.taskCount / 2
        for (level, durability) in LoadTask.levels { configuration.levels[level] = LevelPolicy(durability: durability) }
        if disk == .slow { configuration.fileSystem = simulated }
        return configuration
    }

    private func run() async throws {
        switch disk {
        case .slow:
            simulated.observe {
                if $0.operation == .sync || $0.operation == .syncDirectory { usleep(Self.syncMicroseconds) }
            }
        case .real: limitDescriptors()
        }
        let log = try await CheckpointLog.open(at: path.string, configuration: configuration)
        let tasks = await withTaskGroup(of: LoadTask.self) { group in
            for index in 0..<Self.taskCount {
                let (log, tally, seed) = (log, tally, seed)
                group.addTask {
                    var task = LoadTask(index, seed: seed)
                    await task.run(log, tally)
                    return task
                }
            }
            await direct(log)
            tally.stop()
            var tasks: [LoadTask] = []
            for await task in group { tasks.append(task) }
            return tasks
        }
        let peak = peakResidentByteCount() ?? 0
        if peak > Self.memoryByteLimit { tally.complain("\(peak >> 20) MiB were resident") }
        let statistics = log.statistics
        try await log.close()
        await check(tasks)
        let counts = tally.counts
        tellCounts(
            "Load",
            [
                "operations": counts.operations, "restores": counts.restores, "saves": counts.saves,
                "refusals": counts.refusals, "compactions": statistics.compactionCount,
            ])
        print("\(disk.rawValue): \(counts), \(peak >> 20) MiB resident at most, \(statistics)")
    }

    /// Lets the time pass, saves now and then, and fills the disk in the middle.
    private func direct(_ log: CheckpointLog) async {
        await pass(seconds * 0.4, log)
        if disk == .slow {
            await fill(log)
            let before = tally.counts.operations
            await pass(seconds * 0.3, log)
            if tally.counts.operations < before + Self.taskCount {
                tally.complain("hardly anything was taken once the disk had room again")
            }
        } else {
            await pass(seconds * 0.6, log)
        }
    }

    private func fill(_ log: CheckpointLog) async {
        tally.mayRefuse = true
        let start = ContinuousClock.now
        while tally.counts.refusals < Self.wantedRefusalCount, !tally.isStopping {
            // What a compaction gives back is taken away, too.
            simulated.byteQuota = min(simulated.byteQuota ?? .max, simulated.usedByteCount)
            await pass(0.1, log)
            if ContinuousClock.now - start > .seconds(60 + seconds) {
                tally.complain("the disk never became full")
            }
        }
        await pass(seconds * 0.1, log)
        simulated.byteQuota = nil
        // Calls that began before.
        await pass(2, log)
        tally.mayRefuse = false
    }

    private func pass(_ seconds: Double, _ log: CheckpointLog) async {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end, !tally.isStopping {
            try? await Task.sleep(for: min(.seconds(1), end - .now))
            do {
                try await log.save()
                tally.count(\.saves)
            } catch {
                tally.take(error, from: "save")
            }
        }
    }

    private func check(_ tasks: [LoadTask]) async {
        simulated.observe(nil)
        let (path, fileSystem) = (path, configuration.fileSystem)
        let report = await LogVerifier(directory: path, level: .deep, fileSystem: fileSystem)
            .verify()
        if report.exitCode != 0 { tally.complain("log-verify: \(report.exitCode), \(report.findings)") }
        do {
            let log = try await CheckpointLog.open(at: path.string, configuration: configuration)
            for task in tasks { await task.checkAll(log, tally) }
            try await log.close()
        } catch {
            tally.complain("at the end: \(error)")
        }
    }

    private func limitDescriptors() {
        var limit = rlimit(rlim_cur: rlim_t(Self.descriptorLimit), rlim_max: rlim_t(Self.descriptorLimit))
        #if canImport(Glibc)
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
        let resource = RLIMIT_NOFILE
        #endif
        if unsafe setrlimit(resource, &limit) != 0 { tally.complain("the limit on descriptors was refused") }
    }
}
