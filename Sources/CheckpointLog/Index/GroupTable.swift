import Synchronization

/// The complete groups of each name, as many as their level keeps. A group's members stay live while the group is here,
/// also those that a later checkpoint of their key has superseded.
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
        /// Where the group's own frame is.
        package var location: FrameLocation
        package var members: [Member]
        /// Why the list of members could not be read; a restore of the group throws it.
        package var damage: CheckpointLogError?

        package init(
            sequenceNumber: SequenceNumber, location: FrameLocation, members: [Member],
            damage: CheckpointLogError? = nil
        ) {
            self.sequenceNumber = sequenceNumber
            self.location = location
            self.members = members
            self.damage = damage
        }
    }

    private struct State {
        /// Newest first; no list is empty.
        var groups: [KeyHash: [Group]] = [:]
        /// How many groups hold a frame: one, or two while a group is being replaced.
        var held: [FrameLocation: Int] = [:]
        /// The name of the group, by the place of its frame.
        var names: [FrameLocation: KeyHash] = [:]

        /// Removes groups, and returns the members that no group holds any more.
        mutating func forget(_ name: KeyHash, where isOver: (Group) -> Bool) -> [Member] {
            guard let known = groups[name] else { return [] }
            var released: [Member] = []
            var kept: [Group] = []
            for group in known {
                guard isOver(group) else {
                    kept.append(group)
                    continue
                }
                names[group.location] = nil
                for member in group.members where release(member.location) { released.append(member) }
            }
            groups[name] = kept.isEmpty ? nil : kept
            return released
        }

        /// Releases a frame; true if no group holds it any more.
        private mutating func release(_ location: FrameLocation) -> Bool {
            guard let count = held[location] else { return false }
            held[location] = count > 1 ? count - 1 : nil
            return count == 1
        }
    }

    private let state = Lock(State())
    /// Whether there ever was a group. Most logs have none, and their appends then need no lock.
    private let isUsed = Atomic(false)

    package init() {}

    /// The newest group of the name.
    package func group(_ name: KeyHash) -> Group? { state.withLock { $0.groups[name]?.first } }

    /// The groups of the name, newest first.
    package func groups(_ name: KeyHash) -> [Group] { state.withLock { $0.groups[name] ?? [] } }

    package func group(_ name: KeyHash, _ number: SequenceNumber) -> Group? {
        state.withLock { $0.groups[name]?.first { $0.sequenceNumber == number } }
    }

    package func holds(_ location: FrameLocation) -> Bool {
        guard isUsed.load(ordering: .acquiring) else { return false }
        return state.withLock { $0.held[location] != nil }
    }

    /// Whether a group has any record of this key.
    ///
    /// - Complexity: O(n) in the members of all groups.
    package func holds(key hash: KeyHash) -> Bool {
        guard isUsed.load(ordering: .acquiring) else { return false }
        return state.withLock { $0.groups.values.joined().contains { $0.members.contains { $0.hash == hash } } }
    }

    /// The group that has this very record as a member; nil if none has.
    ///
    /// - Complexity: O(n) in the members of all groups.
    package func holder(of hash: KeyHash, _ number: SequenceNumber) -> (name: KeyHash, number: SequenceNumber)? {
        guard isUsed.load(ordering: .acquiring) else { return nil }
        return state.withLock { state in
            for (name, groups) in state.groups {
                for group in groups
                where group.members.contains(where: { $0.hash == hash && $0.sequenceNumber == number }) {
                    return (name, group.sequenceNumber)
                }
            }
            return nil
        }
    }

    /// Where this very record is, if a group has it as a member; nil if none has.
    ///
    /// - Complexity: O(n) in the members of all groups.
    package func location(_ hash: KeyHash, _ number: SequenceNumber) -> FrameLocation? {
        guard isUsed.load(ordering: .acquiring) else { return nil }
        return state.withLock { state in
            for group in state.groups.values.joined() {
                for member in group.members where member.hash == hash && member.sequenceNumber == number {
                    return member.location
                }
            }
            return nil
        }
    }

    /// Adds a group to those of its name. It stays until one of the calls below removes it.
    package func insert(_ name: KeyHash, _ group: Group) {
        isUsed.store(true, ordering: .releasing)
        state.withLock { state in
            var groups = state.groups[name] ?? []
            let place = groups.firstIndex { $0.sequenceNumber <= group.sequenceNumber } ?? groups.count
            guard place == groups.count || groups[place].sequenceNumber < group.sequenceNumber else { return }
            for member in group.members { state.held[member.location, default: 0] += 1 }
            state.names[group.location] = name
            groups.insert(group, at: place)
            state.groups[name] = groups
        }
    }

    // Each of these returns the members that no group holds any more.

    /// Forgets groups with a member whose key was removed at `number`.
    func forget(holding hash: KeyHash, below number: SequenceNumber) -> [Member] {
        forget { _, group in group.sequenceNumber < number && group.members.contains { $0.hash == hash } }
    }

    /// Forgets the group that has this very record as a member.
    func forget(holding hash: KeyHash, _ number: SequenceNumber) -> [Member] {
        forget { _, group in group.members.contains { $0.hash == hash && $0.sequenceNumber == number } }
    }

    /// Forgets the group of that number.
    func forget(_ name: KeyHash, _ number: SequenceNumber) -> [Member] {
        guard isUsed.load(ordering: .acquiring) else { return [] }
        return state.withLock { $0.forget(name) { $0.sequenceNumber == number } }
    }

    /// Forgets the group whose own frame is at this place, if there is one.
    func forget(frame location: FrameLocation) -> [Member] {
        guard isUsed.load(ordering: .acquiring) else { return [] }
        return state.withLock { state in
            guard let name = state.names[location] else { return [] }
            return state.forget(name) { $0.location == location }
        }
    }

    func forget(level: UInt8, below number: SequenceNumber) -> [Member] {
        forget { name, group in (level == 0 || name.level == level) && group.sequenceNumber < number }
    }

    /// Forgets groups with a member in a segment that left the log, and groups whose own frame is no longer known: what
    /// replaced or ended them may have left the log, too.
    func forget(
        whereSegment isGone: (_ segment: SegmentNumber) -> Bool, orFrame isUnknown: (KeyHash, SequenceNumber) -> Bool
    ) -> [Member] {
        forget { name, group in
            isUnknown(name, group.sequenceNumber) || group.members.contains { isGone($0.location.segment) }
        }
    }

    func removeAll() { state.withLock { $0 = State() } }

    /// Takes over the content of `other`.
    ///
    /// - Complexity: O(1); the first change of either then copies it.
    func replace(by other: GroupTable) {
        let content = other.state.withLock { $0 }
        isUsed.store(!content.groups.isEmpty, ordering: .releasing)
        state.withLock { $0 = content }
    }

    /// Changes the place of a frame; true if it is a member's.
    package func relocate(from old: FrameLocation, to new: FrameLocation) -> Bool {
        guard isUsed.load(ordering: .acquiring) else { return false }
        return state.withLock { state in
            if let name = state.names.removeValue(forKey: old) {
                state.names[new] = name
                for index in state.groups[name]?.indices ?? 0..<0 where state.groups[name]?[index].location == old {
                    state.groups[name]?[index].location = new
                }
            }
            guard let count = state.held.removeValue(forKey: old) else { return false }
            state.held[new] = count
            for (name, groups) in state.groups {
                for (place, group) in groups.enumerated() {
                    for index in group.members.indices where group.members[index].location == old {
                        state.groups[name]?[place].members[index].location = new
                    }
                }
            }
            return true
        }
    }

    private func forget(where isOver: (KeyHash, Group) -> Bool) -> [Member] {
        guard isUsed.load(ordering: .acquiring) else { return [] }
        return state.withLock { state in
            var released: [Member] = []
            for (name, groups) in state.groups where groups.contains(where: { isOver(name, $0) }) {
                released += state.forget(name) { isOver(name, $0) }
            }
            return released
        }
    }
}
