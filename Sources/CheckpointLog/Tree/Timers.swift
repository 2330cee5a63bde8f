/// The tasks that update and save by the clock, and the intervals they go by.
struct Timers: Sendable {
    var intervals: Intervals
    var update: Task<Void, Never>?
    var save: Task<Void, Never>?
    /// Work that a tick began and that has not ended: a tick that meets it is skipped.
    var isSaving = false
    /// Whether anyone has started, stopped or changed them.
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
