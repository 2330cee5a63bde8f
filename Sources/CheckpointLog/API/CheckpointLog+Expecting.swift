extension CheckpointLog {
    /// Takes a number for a checkpoint whose value comes later, here and in every actor that it is passed up to.
    nonisolated func takeNumber(for key: CheckpointKey, _ level: Int) throws -> TakenNumber {
        let taken = try engine.reserveNumber()
        var checkpoint = ExpectedCheckpoint(key: key, level: level)
        if let parent = node.parent(passing: level) {
            checkpoint.above = (try parent.takeNumber(for: key, level), ObjectIdentifier(parent))
        }
        expected.withLock { $0[taken.sequenceNumber] = checkpoint }
        return taken
    }

    /// The number of the same checkpoint in `parent`; nil if it was not taken there.
    nonisolated func number(above taken: TakenNumber, in parent: CheckpointLog) -> TakenNumber? {
        expected.withLock { expected in
            guard let above = expected[taken.sequenceNumber]?.above, above.log == ObjectIdentifier(parent) else {
                return nil
            }
            return above.taken
        }
    }

    /// Notes that no value comes any more for a number.
    nonisolated func forget(_ taken: TakenNumber) {
        let checkpoint = expected.withLock { $0.removeValue(forKey: taken.sequenceNumber) }
        guard let above = checkpoint?.above, let parent = node.parent, ObjectIdentifier(parent) == above.log else {
            return
        }
        parent.forget(above.taken)
    }

    /// The levels at which a checkpoint of a key may come that is older than what is taken now.
    nonisolated func expectedLevels(
        where isWanted: (CheckpointKey) -> Bool
    ) -> [(key: CheckpointKey, level: Level)] {
        expected.withLock { expected in
            expected.values.filter { isWanted($0.key) }.compactMap { checkpoint in
                Level(rawValue: UInt8(clamping: checkpoint.level)).map { (checkpoint.key, $0) }
            }
        }
    }

    /// Numbers that were reserved and are not used yet.
    package nonisolated var expectedCount: Int { expected.withLock { $0.count } }
}
