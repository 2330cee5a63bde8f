/// How often a log updates and saves without being called.
///
/// ```swift
/// var configuration = Configuration()
/// configuration.intervals = Intervals(on: true, update: .seconds(5), save: .seconds(30))
/// ```
public struct Intervals: Sendable, Hashable {
    /// Whether the timers run. Default: false.
    public var on: Bool
    /// The time between updates from children and sources, 1 ms to 2³¹ s; zero switches this timer off. Default: 10 s.
    public var update: Duration
    /// The time between saves, 1 ms to 2³¹ s; zero switches this timer off. Default: 60 s.
    public var save: Duration

    /// Makes intervals. An argument that you leave out has its default.
    public init(on: Bool = false, update: Duration = .seconds(10), save: Duration = .seconds(60)) {
        self.on = on
        self.update = update
        self.save = save
    }

    package func validate() throws {
        for (name, interval) in [("update", update), ("save", save)] {
            guard interval == .zero || (Duration.milliseconds(1)...Duration.seconds(1 << 31)).contains(interval) else {
                throw CheckpointLogError.invalidConfiguration(
                    "The \(name) interval is \(interval); give 1 ms to 2³¹ s, or zero to switch it off.")
            }
        }
    }
}
