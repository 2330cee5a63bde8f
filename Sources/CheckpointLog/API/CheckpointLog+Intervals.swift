extension CheckpointLog {
    /// The intervals in force.
    public var intervals: Intervals {
        return timers.intervals
    }

    /// Changes the intervals, also while the timers run. An argument that you leave out changes nothing.
    ///
    /// - Parameters:
    ///   - on: starts or stops the timers. The call does not wait for updates that are under way.
    ///   - update: 1 ms or more, or zero to switch this timer off.
    ///   - save: 1 ms or more, or zero to switch this timer off.
    /// - Throws: ``CheckpointLogError``: `.invalidConfiguration`; nothing is changed then. `.closed`.
    public func setInterval(on: Bool? = nil, update: Duration? = nil, save: Duration? = nil) throws {
        try engine.checkOpen()
        var intervals = timers.intervals
        if let on { intervals.on = on }
        if let update { intervals.update = update }
        if let save { intervals.save = save }
        try intervals.validate()
        let changed = intervals != timers.intervals
        timers.isSet = true
        timers.intervals = intervals
        if intervals.on, changed || !timers.isRunning {
            restartTimers()
        } else if !intervals.on {
            timers.cancel()
        }
    }

    /// Starts updating and saving at the intervals, the first time at once. If it has started already, the call does
    /// nothing.
    public func startCheckpointing() {
        timers.isSet = true
        guard !timers.isRunning, (try? engine.checkOpen()) != nil else { return }
        timers.intervals.on = true
        restartTimers()
    }

    /// Stops updating and saving at the intervals. The call returns after updates that are under way have ended and are
    /// saved.
    ///
    /// If a source makes this call, the call does not wait for that source.
    public func stopCheckpointing() async {
        timers.intervals.on = false
        timers.isSet = true
        timers.cancel()
        for source in sources { await source.finishTurn() }
        for update in childUpdates.values { _ = await update.value }
    }

    /// Starts the timers after an opening that could not start them itself, unless somebody has started or stopped them
    /// since.
    package func startCheckpointingFirst() {
        if !timers.isSet { startCheckpointing() }
    }

    /// The time between checkpoints of `level` that loses the least work, computed from what they have cost so far.
    ///
    /// It is Daly's higher-order estimate; its first term is Young's √(2δM). δ is the mean time that a checkpoint of
    /// the level took, M the mean time between failures (J. W. Young, "A first order approximation to the optimum
    /// checkpoint interval", 1974; J. T. Daly, "A higher order estimate of the optimum checkpoint interval for restart
    /// dumps", 2006).
    ///
    /// - Parameters:
    ///   - meanTimeBetweenFailures: more than zero.
    ///   - level: 1…255.
    /// - Returns: the interval; nil before the level's first checkpoint was measured.
    /// - Throws: ``CheckpointLogError``: `.invalidLevel`; `.invalidConfiguration` for a time that is not over zero.
    public nonisolated func suggestedInterval(
        meanTimeBetweenFailures: Duration, level: Int = 1
    ) throws -> Duration? {
        _ = try Level(validating: level)
        guard meanTimeBetweenFailures > .zero else {
            throw CheckpointLogError.invalidConfiguration("The mean time between failures must be over zero.")
        }
        return costs.mean(level).map { Self.interval(cost: $0, meanTimeBetweenFailures: meanTimeBetweenFailures) }
    }

    package static func interval(cost: Duration, meanTimeBetweenFailures: Duration) -> Duration {
        let (delta, mean) = (cost / .seconds(1), meanTimeBetweenFailures / .seconds(1))
        // Over half of M the series does not hold: a checkpoint then takes about as long as the time to a failure.
        guard delta < 2 * mean else { return meanTimeBetweenFailures }
        let ratio = delta / (2 * mean)
        let interval = (2 * delta * mean).squareRoot() * (1 + ratio.squareRoot() / 3 + ratio / 9) - delta
        return .seconds(max(interval, 0.001))
    }

    private func restartTimers() {
        timers.cancel()
        if timers.intervals.update > .zero {
            timers.update = timer(every: timers.intervals.update) { await $0.updateTick() }
        }
        if timers.intervals.save > .zero { timers.save = timer(every: timers.intervals.save) { await $0.saveTick() } }
    }

    /// A task that calls `tick` until it is cancelled or the actor no longer exists. A tick does not wait for the work
    /// of the previous one.
    private func timer(
        every interval: Duration, _ tick: @escaping @Sendable (CheckpointLog) async -> Void
    ) -> Task<Void, Never> {
        let clock = engine.configuration.clock
        return Task { [weak self] in
            while !Task.isCancelled {
                // Not held while it sleeps: a log that is dropped ends then.
                do {
                    guard let log = self else { return }
                    await tick(log)
                }
                guard (try? await clock.sleep(for: interval)) != nil else { return }
            }
        }
    }

    /// Begins with each source and each child separately, so that one that hangs does not keep others back. Each
    /// failure is reported where it happens.
    private func updateTick() {
        guard (try? engine.checkOpen()) != nil else { return }
        for source in sources { tick(source) }
        for (name, child) in node.children {
            guard childUpdates[name] == nil else {
                failures.countSkippedTick()
                continue
            }
            Task { await self.update(from: child, named: name) }
        }
    }

    private func saveTick() {
        guard !timers.isSaving else { return failures.countSkippedTick() }
        timers.isSaving = true
        Task {
            do {
                try await self.save()
            } catch let error as CheckpointLogError where error.code == .closed {
                // The log was closed between the tick and its work.
            } catch {
                failures.report(error, "a save by the interval failed")
            }
            self.timers.isSaving = false
        }
    }
}
