import ArgumentParser

/// Where a worker stops and waits to be killed, so that the kill meets what it is meant to meet on any machine, however
/// busy.
struct StopPoint: Sendable, Equatable {
    enum Place: String, CaseIterable, ExpressibleByArgument, Sendable {
        /// Between two steps.
        case step
        /// A segment is full, and its seal is about to begin.
        case sealing
        /// The output of a compaction is complete, and the manifest does not name it yet.
        case compaction

        /// What the log tells its logger at this point; nil where the training itself knows.
        var message: String? {
            switch self {
            case .step: nil
            case .sealing: "sealing a segment"
            case .compaction: "wrote the output of a compaction"
            }
        }
    }

    var place: Place
    /// The first step after which the worker stops there.
    var step: Int
}
