import CheckpointLog

/// W12: an operator who proves a log sound before it is archived.
struct Verify: Workload {
    let name = "verify"
    let unit = "GB/s"
    let isRate = true

    private func byteCount(_ isQuick: Bool) -> Int { isQuick ? 128 << 20 : 2 << 30 }

    func summary(isQuick: Bool) -> String { "full verification of a warm log of \(byteCount(isQuick) >> 20) MiB" }

    func contenders(isQuick: Bool) -> [Contender] {
        let byteCount = byteCount(isQuick)
        return [
            Contender(name: "ours", role: .ours) { directory in
                var configuration = Configuration()
                configuration.compactsAutomatically = false
                let log = try await CheckpointLog.open(at: directory, configuration: configuration)
                let values = doubles(count: 500, isNoisy: true, seed: 3)
                for number in 0..<byteCount / 4_096 { try log.submit(values, for: CheckpointKey(key(number % 5_000))) }
                try await log.close()
                return Session {
                    var report: VerificationReport?
                    let time = await seconds { report = await LogVerifier(directory: directory).verify() }
                    guard let report, report.exitCode == 0 else { throw PeerFailure("the log is not intact") }
                    return Double(report.byteCount) / 1e9 / time
                }
            }
        ]
    }
}
