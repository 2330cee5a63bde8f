import CheckpointLog

/// A program that starts anew and wants every key that there is, or the newest state of each.
///
/// The limit is what it could do without: one restore after another.
struct ManyKeys: Workload {
    let isListing: Bool

    var name: String { isListing ? "list-keys" : "restore-all" }
    let unit = "ms"
    let isRate = false

    private func keys(_ isQuick: Bool) -> Int { isQuick ? 30_000 : 300_000 }

    func summary(isQuick: Bool) -> String {
        isListing
            ? "the names of \(keys(isQuick)) keys" : "the newest checkpoint of each of \(keys(isQuick)) keys, decoded"
    }

    func contenders(isQuick: Bool) -> [Contender] {
        let keyCount = keys(isQuick)
        return [ours(keyCount), loop(keyCount)]
    }

    private static func filled(_ directory: String, _ keyCount: Int) async throws -> CheckpointLog {
        let filling = try await CheckpointLog.open(at: directory + "/log")
        for number in 0..<keyCount { try filling.submit(Sample(number), for: CheckpointKey(key(number))) }
        try await filling.close()
        return try await CheckpointLog.open(at: directory + "/log")
    }

    private func ours(_ keyCount: Int) -> Contender {
        let isListing = isListing
        return Contender(name: "ours", role: .ours) { directory in
            let log = try await Self.filled(directory, keyCount)
            return Session {
                var count = 0
                let time = try await seconds {
                    count =
                        isListing
                        ? try await log.keys(level: 1).count
                        : try await log.restoreAll(as: Sample.self, level: 1).count
                }
                guard count == keyCount else { throw PeerFailure("ours gave \(count) keys") }
                return time * 1e3
            } finish: {
                try await log.close()
            }
        }
    }

    private func loop(_ keyCount: Int) -> Contender {
        Contender(name: "loop of restore", role: .limit) { directory in
            let log = try await Self.filled(directory, keyCount)
            let keys = (0..<keyCount).map { CheckpointKey(key($0)) }
            return Session {
                var found = 0
                let time = try await seconds {
                    for key in keys where try await log.restore(Sample.self, for: key, level: 1) != nil { found += 1 }
                }
                guard found == keyCount else { throw PeerFailure("the loop gave \(found) values") }
                return time * 1e3
            } finish: {
                try await log.close()
            }
        }
    }
}
