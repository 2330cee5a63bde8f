/// What is measured, and against whom. Its name and `isQuick` alone decide what it does: every contender runs in a
/// process of its own, which makes the workload anew.
protocol Workload: Sendable {
    var name: String { get }
    /// What the figures are in.
    var unit: String { get }
    /// Whether a larger figure is the better one.
    var isRate: Bool { get }
    /// Whether the first round is thrown away. Not where a round starts from nothing by itself.
    var warmsUp: Bool { get }
    /// Whether it is measured by a run that names no workload and is not `--full`.
    var isInShortRun: Bool { get }
    /// Sizes, as `--list` shows them.
    func summary(isQuick: Bool) -> String
    func contenders(isQuick: Bool) throws -> [Contender]
}

extension Workload {
    var warmsUp: Bool { true }
    var isInShortRun: Bool { true }
}

func seconds(_ body: () async throws -> Void) async rethrows -> Double {
    let start = ContinuousClock.now
    try await body()
    return (ContinuousClock.now - start) / .seconds(1)
}

/// A key of 24 bytes.
func key(_ number: Int) -> String {
    let digits = String(number)
    return "checkpoint/" + String(repeating: "0", count: 13 - digits.count) + digits
}
