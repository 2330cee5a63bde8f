/// One who is measured in a workload: ours, a peer, or what the hardware gives a raw loop.
struct Contender: Sendable {
    enum Role: Sendable {
        case ours
        case peer
        /// Printed, and not counted: its promise is weaker, or it has less to do.
        case shown
        case limit
    }

    var name: String
    var role: Role
    /// Prepares what is not timed, in a directory of its own that exists, and gives what is.
    var prepare: @Sendable (_ directory: String) async throws -> Session
}

/// A prepared contender.
struct Session: Sendable {
    var measure: @Sendable () async throws -> Measurement
    var finish: @Sendable () async throws -> Void
    /// Bytes written for each byte of payload, once all is measured; nil where that is not known.
    var bytesWrittenPerByte: @Sendable () async throws -> Double?

    init(
        measuring measure: @escaping @Sendable () async throws -> Measurement,
        finish: @escaping @Sendable () async throws -> Void = {},
        bytesWrittenPerByte: @escaping @Sendable () async throws -> Double? = { nil }
    ) {
        self.measure = measure
        self.finish = finish
        self.bytesWrittenPerByte = bytesWrittenPerByte
    }

    init(
        measure: @escaping @Sendable () async throws -> Double,
        finish: @escaping @Sendable () async throws -> Void = {},
        bytesWrittenPerByte: @escaping @Sendable () async throws -> Double? = { nil }
    ) {
        self.init(
            measuring: { Measurement(value: try await measure()) }, finish: finish,
            bytesWrittenPerByte: bytesWrittenPerByte)
    }
}

/// What one contender gave in one round.
struct Measurement: Codable, Sendable {
    /// In the workload's unit.
    var value: Double
    /// Further figures of the same run, by name.
    var details: [String: Double] = [:]
    /// Points (x, y) that a plot shows, by name.
    var series: [String: [[Double]]] = [:]
}

/// What a contender says at its end.
struct Outcome: Codable, Sendable {
    var bytesWrittenPerByte: Double?
    var peakMemoryBytes: Int
}
