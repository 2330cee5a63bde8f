import Foundation
import Synchronization

/// Looks at the blocks of a directory's files ten times a second, on a thread of its own.
final class DiskWatch: Sendable {
    struct Outcome: Sendable {
        /// (seconds, bytes)
        var diskPoints: [[Double]] = []
        var livePoints: [[Double]] = []
        /// The greatest share of its bound that the disk ever was.
        var worst = 0.0
    }

    private let directory: String
    private let liveByteCount: Int
    private let bound: Int
    private let isStopping = Atomic(false)
    private let outcome = Mutex(Outcome())
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameter bound: the bytes that the directory is to take at most.
    init(_ directory: String, liveByteCount: Int, bound: Int) {
        self.directory = directory
        self.liveByteCount = liveByteCount
        self.bound = bound
    }

    func start() {
        Thread.detachNewThread { [self] in
            let start = ContinuousClock.now
            while !isStopping.load(ordering: .relaxed) {
                look(at: (ContinuousClock.now - start) / .seconds(1))
                usleep(100_000)
            }
            ended.signal()
        }
    }

    func stop() -> Outcome {
        isStopping.store(true, ordering: .relaxed)
        ended.wait()
        return outcome.withLock { $0 }
    }

    private func look(at time: Double) {
        let disk = Self.allocatedByteCount(of: directory)
        outcome.withLock { outcome in
            outcome.diskPoints.append([time, Double(disk)])
            outcome.livePoints.append([time, Double(liveByteCount)])
            outcome.worst = max(outcome.worst, Double(disk) / Double(bound))
        }
    }

    /// Bytes of the blocks that the files in `directory` take. Files that go meanwhile count nothing.
    static func allocatedByteCount(of directory: String) -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.reduce(0) { sum, name in
            var status = stat()
            return sum + (lstat(directory + "/" + name, &status) == 0 ? Int(status.st_blocks) * 512 : 0)
        }
    }
}
