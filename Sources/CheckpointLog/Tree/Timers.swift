/// The tasks that update and save at intervals, and the intervals.
struct Timers: Sendable {
    var intervals: Intervals
    var update: Task<Void, Never>?
    var save: Task<Void, Never>?
    /// Whether the work of an earlier tick is under way. The log then skips a tick.
    var isSaving = false
    /// Whether somebody has started, stopped or changed the timers.
    var isSet = false

    init(intervals: Intervals) { self.intervals = intervals }

    var isRunning: Bool { update != nil || save != nil }

    mutating func cancel() {
        update?.cancel()
        save?.cancel()
        update = nil
        save = nil
    }
}
