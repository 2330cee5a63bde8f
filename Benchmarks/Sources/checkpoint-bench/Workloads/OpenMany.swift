import CheckpointLog
import Foundation

/// W17: a service that keeps a small log for each of its users.
///
/// Each store is made, given one value, and kept open beside all others; then all are closed. The figure is a store's
/// time for that. The details have what an open one takes: the blocks of its files, and its threads. "Its files made
/// and synced alone" are the calls of the system that a log of ours cannot do without, with as many bytes, and nothing
/// else.
struct OpenMany: Workload {
    let name = "open-many"
    let unit = "µs"
    let isRate = false

    private func count(_ isQuick: Bool) -> Int { isQuick ? 100 : 1_000 }

    func summary(isQuick: Bool) -> String { "\(count(isQuick)) stores opened, a checkpoint each, then closed" }

    func contenders(isQuick: Bool) -> [Contender] {
        let count = count(isQuick)
        let peers = [PeerKind.sqlite, .lmdb].map { kind in
            Contender(name: kind.rawValue, role: .peer) { directory in
                Session(measuring: {
                    try await Self.measure(count, directory) { path, number in
                        let store = try kind.open(path, .written)
                        try store.put(Array(key(number).utf8), try Sample.encoded(number))
                        return { store.close() }
                    }
                })
            }
        }
        return [
            Contender(name: "ours", role: .ours) { directory in
                Session(measuring: {
                    try await Self.measure(count, directory) { path, number in
                        let log = try await CheckpointLog.open(at: path)
                        try await log.checkpoint(Sample(number), for: CheckpointKey(key(number)))
                        return { try await log.close() }
                    }
                })
            }
        ] + peers + [
            Contender(name: "its files made and synced alone", role: .shown) { directory in
                Session(measuring: {
                    try await Self.measure(count, directory) { path, _ in
                        let files = try BareLog(path)
                        return { try files.close() }
                    }
                })
            }
        ]
    }

    private static func measure(
        _ count: Int, _ directory: String,
        _ open: (_ path: String, _ number: Int) async throws -> () async throws -> Void
    ) async throws -> Measurement {
        let paths = (0..<count).map { "\(directory)/store-\($0)" }
        for path in paths { try? FileManager.default.removeItem(atPath: path) }
        let threads = threadCount
        var closings: [() async throws -> Void] = []
        let opening = try await seconds {
            for (number, path) in paths.enumerated() { closings.append(try await open(path, number)) }
        }
        let ownThreads = threadCount - threads
        let disk = paths.reduce(0) { $0 + DiskWatch.allocatedByteCount(of: $1) }
        let closing = try await seconds {
            for close in closings { try await close() }
        }
        var measurement = Measurement(value: (opening + closing) * 1e6 / Double(count))
        measurement.details = [
            "KiB of disk each": Double(disk) / Double(count) / 1_024,
            "threads each": max(0, Double(ownThreads) / Double(count)),
            "µs of it to close": closing * 1e6 / Double(count),
        ]
        return measurement
    }

    /// Threads of this process; 0 where the system does not list them.
    private static var threadCount: Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count) ?? 0
    }
}

/// The files of a new log with one small checkpoint, as a log makes and closes them.
private final class BareLog {
    private let path: String
    private let directory: Int32
    private let segment: RawFile

    init(_ path: String) throws {
        self.path = path
        guard mkdir(path, 0o700) == 0 else { throw PeerFailure("mkdir: \(errno)") }
        directory = open(path, O_RDONLY | O_DIRECTORY)
        // Whoever makes a log in a new directory has to make that directory's name durable.
        try Self.sync(openat(directory, "..", O_RDONLY | O_DIRECTORY), closes: true)
        segment = try RawFile(path + "/segment", preallocating: 64 << 10)
        try replace("MANIFEST", by: 512)
        try segment.append([UInt8](repeating: 1, count: 128))
        try segment.sync()
        try replace("POSITION", by: 4_096)
        try segment.append([UInt8](repeating: 1, count: 256))
    }

    func close() throws {
        try segment.sync()
        try segment.append([UInt8](repeating: 1, count: 256))
        try segment.sync()
        segment.close()
        try replace("MANIFEST", by: 576)
        _ = Glibc.close(directory)
    }

    private func replace(_ name: String, by byteCount: Int) throws {
        let file = try RawFile("\(path)/\(name).tmp")
        try file.append([UInt8](repeating: 1, count: byteCount))
        try file.sync()
        file.close()
        guard rename("\(path)/\(name).tmp", "\(path)/\(name)") == 0 else { throw PeerFailure("rename: \(errno)") }
        try Self.sync(directory)
    }

    private static func sync(_ file: Int32, closes: Bool = false) throws {
        defer { if closes { _ = Glibc.close(file) } }
        guard fsync(file) == 0 else { throw PeerFailure("fsync: \(errno)") }
    }
}
