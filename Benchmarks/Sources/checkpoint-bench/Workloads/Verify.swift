import CheckpointLog
import Foundation

/// W12: an operator who proves a log sound before it is archived. At two sizes: the rate is to be the same.
///
/// The limit reads the same files into one reused buffer, which is all that any check must do.
struct Verify: Workload {
    let isQuarter: Bool

    var name: String { isQuarter ? "verify-quarter" : "verify" }
    let unit = "GB/s"
    var isInShortRun: Bool { false }
    let isRate = true

    private func byteCount(_ isQuick: Bool) -> Int { (isQuick ? 128 << 20 : 2 << 30) / (isQuarter ? 4 : 1) }

    func summary(isQuick: Bool) -> String { "full verification of a warm log of \(byteCount(isQuick) >> 20) MiB" }

    func contenders(isQuick: Bool) -> [Contender] { [ours(byteCount(isQuick)), limit(byteCount(isQuick))] }

    /// A closed log of about `byteCount` bytes, in frames of 4 KiB that do not compress.
    private static func fill(_ directory: String, _ byteCount: Int) async throws {
        var configuration = Configuration()
        configuration.compactsAutomatically = false
        let log = try await CheckpointLog.open(at: directory, configuration: configuration)
        let values = doubles(count: 500, isNoisy: true, seed: 3)
        for number in 0..<byteCount / 4_096 { try log.submit(values, for: CheckpointKey(key(number % 5_000))) }
        try await log.close()
    }

    private func ours(_ byteCount: Int) -> Contender {
        Contender(name: "ours", role: .ours) { directory in
            try await Self.fill(directory + "/log", byteCount)
            return Session {
                var report: VerificationReport?
                let time = await seconds { report = await LogVerifier(directory: directory + "/log").verify() }
                guard let report, report.exitCode == 0 else { throw PeerFailure("the log is not intact") }
                return Double(report.byteCount) / 1e9 / time
            }
        }
    }

    private func limit(_ byteCount: Int) -> Contender {
        Contender(name: "read", role: .limit) { directory in
            let file = try RawFile(directory + "/file")
            let block = [UInt8](repeating: 7, count: 1 << 20)
            for _ in 0..<byteCount >> 20 { try file.append(block) }
            return Session {
                let time = try await seconds {
                    try withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 4_096) { buffer in
                        for start in stride(from: 0, to: byteCount, by: 1 << 20) {
                            try file.read(1 << 20, at: start, into: buffer)
                        }
                    }
                }
                return Double(byteCount) / 1e9 / time
            } finish: {
                file.close()
            }
        }
    }
}
