import Foundation

/// One who is measured in a workload: ours, a peer, or what the hardware gives a raw loop.
struct Contender: Sendable {
    enum Role: Sendable {
        case ours
        case peer
        /// Printed, and not counted.
        case shown
        case limit
    }

    var name: String
    var role: Role
    /// Prepares what is not timed, in a directory of its own, and gives what is: one measurement in the workload's unit.
    var prepare: @Sendable (_ directory: String) async throws -> Session
}

/// A prepared contender.
struct Session: Sendable {
    var measure: @Sendable () async throws -> Double
    var finish: @Sendable () async throws -> Void
    /// Bytes written to the disk for each byte of payload, where that is known.
    var bytesWrittenPerByte: (@Sendable () -> Double?)?

    init(
        measure: @escaping @Sendable () async throws -> Double, finish: @escaping @Sendable () async throws -> Void = {},
        bytesWrittenPerByte: (@Sendable () -> Double?)? = nil
    ) {
        self.measure = measure
        self.finish = finish
        self.bytesWrittenPerByte = bytesWrittenPerByte
    }
}

/// What is measured, and against whom.
protocol Workload: Sendable {
    var name: String { get }
    /// What the figures are in.
    var unit: String { get }
    /// Whether a larger figure is the better one.
    var isRate: Bool { get }
    /// Sizes, as `--list` shows them.
    func summary(isQuick: Bool) -> String
    func contenders(isQuick: Bool) -> [Contender]
}

func seconds(_ body: () async throws -> Void) async rethrows -> Double {
    let start = ContinuousClock.now
    try await body()
    return (ContinuousClock.now - start) / .seconds(1)
}

func key(_ number: Int) -> String {
    let digits = String(number)
    return "checkpoint/" + String(repeating: "0", count: 13 - digits.count) + digits
}
