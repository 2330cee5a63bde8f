import Synchronization

/// The newest complete group of each name: members that a later checkpoint of their key has superseded live on here.
package final class GroupTable: Sendable {
    package struct Member: Sendable, Equatable {
        package var key: [UInt8]
        package var hash: KeyHash
        package var sequenceNumber: SequenceNumber
        package var location: FrameLocation

        package init(key: [UInt8], hash: KeyHash, sequenceNumber: SequenceNumber, location: FrameLocation) {
            self.key = key
            self.hash = hash
            self.sequenceNumber = sequenceNumber
            self.location = location
        }
    }

    package struct Group: Sendable {
        package var sequenceNumber: SequenceNumber
        package var members: [Member]
        /// Why the members are not known: what a restore of the group throws.
        package var damage: CheckpointLogError?

        package init(sequenceNumber: SequenceNumber, members: [Member], damage: CheckpointLogError? = nil) {
            self.sequenceNumber = sequenceNumber
            self.members = members
            self.damage = damage
        }
    }

    private struct State {
        var groups: [KeyHash: Group] = [:]
        /// How many groups hold a frame; a frame is in one or, while a group is replaced, in two.
        var held: [FrameLocation: Int] = [:]
    }

    private let state = Lock(State())
    /// Whether there ever was a group: most logs have none, and their appends need not take the lock.
    private let isUsed = Atomic(false)

    package init() {}

    package func group(_ name: KeyHash) -> Group? { state.withLock { $0.groups[name] } }

    package func holds(_ location: FrameLocation) -> Bool {
        guard isUsed.load(ordering: .acquiring) else { return false }
        return state.withLock { $0.held[location] != nil }
    }

    /// Whether a group has any record of this key.
    ///
    /// - Complexity: O(n) in the members of all groups.
    package func holds(key hash: KeyHash) -> Bool {
        guard isUsed.load(ordering: .acquiring) else { return false }
        return state.withLock { $0.groups.values.contains { $0.members.contains { $0.hash == hash } } }
    }

    /// The group that has this very record; nil where none does.
    ///
    /// - Complexity: O(n) in the members of all groups.
    package func holder(of hash: KeyHash, _ number: SequenceNumber) -> (name: KeyHash, number: SequenceNumber)? {
        guard isUsed.load(ordering: .acquiring) else { return nil }
        return state.withLock { state in
            state.groups.first { $0.value.members.contains { $0.hash == hash && $0.sequenceNumber == number } }
                .map { ($0.key, $0.value.sequenceNumber) }
        }
    }

    /// Where a group has this very record; nil where none does.
    ///
    /// - Complexity: O(n) in the members of all groups.
    package func location(_ hash: KeyHash, _ number: SequenceNumber) -> FrameLocation? {
        guard isUsed.load(ordering: .acquiring) else { return nil }
        return state.withLock { state in
            for group in state.groups.values {
                for member in group.members where member.hash == hash && member.sequenceNumber == number {
                    return member.location
                }
            }
            return nil
        }
    }

    /// Puts a group in the place of an older one of its name, and gives the frames that no group holds any more.
    package func insert(_ name: KeyHash, _ group: Group) -> [Member] {
        isUsed.store(true, ordering: .releasing)
        return state.withLock { state in
            if let known = state.groups[name], known.sequenceNumber >= group.sequenceNumber { return [] }
            for member in group.members { state.held[member.location, default: 0] += 1 }
            let old = state.groups.updateValue(group, forKey: name)?.members ?? []
            return old.filter { Self.release($0.location, &state) }
        }
    }

    /// Forgets groups that hold a key removed at `number`.
    package func forget(holding hash: KeyHash, below number: SequenceNumber) {
        forget { group in group.sequenceNumber < number && group.members.contains { $0.hash == hash } }
    }

    /// Forgets a group whose name has a newer one: it is never restored again, also where the newer one is ended by a
    /// removal.
    package func forget(_ name: KeyHash, below number: SequenceNumber) {
        guard isUsed.load(ordering: .acquiring) else { return }
        state.withLock { state in
            guard let group = state.groups[name], group.sequenceNumber < number else { return }
            for member in group.members { _ = Self.release(member.location, &state) }
            state.groups[name] = nil
        }
    }

    package func forget(level: UInt8, below number: SequenceNumber) {
        state.withLock { state in
            for (name, group) in state.groups
            where (level == 0 || name.level == level) && group.sequenceNumber < number {
                for member in group.members { _ = Self.release(member.location, &state) }
                state.groups[name] = nil
            }
        }
    }

    /// Forgets groups with a member in a segment that left the log, and those whose own frame is not known any more:
    /// whatever replaced or ended them may have left the log, too.
    package func forget(
        whereSegment isGone: (_ segment: SegmentNumber) -> Bool, orFrame isUnknown: (KeyHash, SequenceNumber) -> Bool
    ) {
        guard isUsed.load(ordering: .acquiring) else { return }
        let known = state.withLock { $0.groups.mapValues(\.sequenceNumber) }
        let lost = known.filter { isUnknown($0.key, $0.value) }
        for (name, number) in lost { forget(name, below: SequenceNumber(rawValue: number.rawValue + 1)) }
        forget { group in group.members.contains { isGone($0.location.segment) } }
    }

    func removeAll() { state.withLock { $0 = State() } }

    /// Takes in all that `other` has now, in the place of what is here.
    ///
    /// - Complexity: O(1); the first change of either copies.
    func replace(by other: GroupTable) {
        let content = other.state.withLock { $0 }
        isUsed.store(!content.groups.isEmpty, ordering: .releasing)
        state.withLock { $0 = content }
    }

    package func relocate(from old: FrameLocation, to new: FrameLocation) -> Bool {
        state.withLock { state in
            guard let count = state.held.removeValue(forKey: old) else { return false }
            state.held[new] = count
            for (name, group) in state.groups {
                for index in group.members.indices where group.members[index].location == old {
                    state.groups[name]?.members[index].location = new
                }
            }
            return true
        }
    }

    private func forget(where condition: (Group) -> Bool) {
        state.withLock { state in
            for (name, group) in state.groups where condition(group) {
                for member in group.members { _ = Self.release(member.location, &state) }
                state.groups[name] = nil
            }
        }
    }

    /// Whether that was the last group to hold the frame.
    private static func release(_ location: FrameLocation, _ state: inout State) -> Bool {
        guard let count = state.held[location] else { return false }
        state.held[location] = count > 1 ? count - 1 : nil
        return count == 1
    }
}
