/// How often a checkpointing actor updates and saves by itself.
///
/// ```swift
/// var configuration = Configuration()
/// configuration.intervals = Intervals(on: true, update: .seconds(5), save: .seconds(30))
/// ```
public struct Intervals: Sendable, Hashable {
    /// Whether the timers run. Default: false.
    public var on: Bool
    /// The time between updates from children and sources, 1 ms or more; zero switches this timer off. Default: 10 s.
    public var update: Duration
    /// The time between saves, 1 ms or more; zero switches this timer off. Default: 60 s.
    public var save: Duration

    /// Makes intervals; what is not given has its default.
    public init(on: Bool = false, update: Duration = .seconds(10), save: Duration = .seconds(60)) {
        self.on = on
        self.update = update
        self.save = save
    }

    package func validate() throws {
        for (name, interval) in [("update", update), ("save", save)] {
            guard interval == .zero || interval >= .milliseconds(1) else {
                throw CheckpointLogError.invalidConfiguration(
                    "The \(name) interval is \(interval); give 1 ms or more, or zero to switch it off.")
            }
        }
    }
}
