import Synchronization

/// The pins and tags of each key, and where the labelled versions are. Such a version stays live while it is here, also
/// after its level's retention has given it up.
package final class LabelTable: Sendable {
    /// A version that a label keeps.
    package struct Version: Sendable, Hashable {
        package var hash: KeyHash
        package var number: SequenceNumber
        package var location: FrameLocation

        package init(hash: KeyHash, number: SequenceNumber, location: FrameLocation) {
            self.hash = hash
            self.number = number
            self.location = location
        }
    }

    private struct Labels {
        /// The number of the frame with these labels.
        var record = SequenceNumber(rawValue: 0)
        var labels = VersionLabels()
        var locations: [SequenceNumber: FrameLocation] = [:]
    }

    private struct State {
        /// The key of each frame of labels, by the name of the frame.
        var keys: [KeyHash: KeyHash] = [:]
        var labels: [KeyHash: Labels] = [:]
        var held: Set<FrameLocation> = []
        /// Frames that were added since the labels were last read.
        var unread: Set<KeyHash> = []
    }

    private let state = Lock(State())
    /// Whether there ever was a label. Most logs have none, and their appends then need no lock.
    private let wasUsed = Atomic(false)

    package init() {}

    @inline(__always)
    package var isUsed: Bool { wasUsed.load(ordering: .acquiring) }

    @inline(__always)
    package func holds(_ location: FrameLocation) -> Bool {
        isUsed && state.withLock { $0.held.contains(location) }
    }

    /// Where the version is, if it has a label; nil if it has none.
    package func location(_ hash: KeyHash, _ number: SequenceNumber) -> FrameLocation? {
        isUsed ? state.withLock { $0.labels[hash]?.locations[number] } : nil
    }

    /// The versions of a key that have labels, newest first.
    package func versions(_ hash: KeyHash) -> [Version] {
        guard isUsed else { return [] }
        return state.withLock { state in
            (state.labels[hash]?.locations ?? [:]).map { Version(hash: hash, number: $0.key, location: $0.value) }
                .sorted { $0.number > $1.number }
        }
    }

    package func labels(of hash: KeyHash) -> VersionLabels {
        isUsed ? state.withLock { $0.labels[hash]?.labels ?? VersionLabels() } : VersionLabels()
    }

    /// Keys with at least one labelled version.
    package var labelledKeys: [KeyHash] { isUsed ? state.withLock { Array($0.labels.keys) } : [] }

    /// Whether the frame of that number no longer keeps anything.
    package func isEnded(_ hash: KeyHash, _ record: SequenceNumber) -> Bool {
        state.withLock { $0.labels[hash].map { $0.record != record || $0.labels.isEmpty } ?? true }
    }

    /// Notes a new frame of labels, which is read later.
    func note(_ name: KeyHash, of key: KeyHash) {
        wasUsed.store(true, ordering: .releasing)
        state.withLock { state in
            state.keys[name] = key
            state.unread.insert(name)
        }
    }

    /// The frames that were added since labels were last read, with their keys.
    package var unread: [(name: KeyHash, key: KeyHash)] {
        guard isUsed else { return [] }
        return state.withLock { state in state.unread.compactMap { name in state.keys[name].map { (name, $0) } } }
    }

    /// Keeps a version, until labels are set that do not name it.
    package func hold(_ version: Version) {
        wasUsed.store(true, ordering: .releasing)
        state.withLock { state in
            state.labels[version.hash, default: Labels()].locations[version.number] = version.location
            state.held.insert(version.location)
        }
    }

    /// Replaces the labels of a key, and returns the versions that no label keeps any more.
    ///
    /// - Parameters:
    ///   - record: the number of the frame with these labels; nil for the one that is known.
    ///   - found: where versions are that are named and not held yet. A label is left out if its version is neither
    ///     held nor found.
    package func set(
        _ labels: VersionLabels, of hash: KeyHash, name: KeyHash? = nil, record: SequenceNumber? = nil,
        found: [Version] = []
    ) -> [Version] {
        state.withLock { state in
            if let name { state.unread.remove(name) }
            let old = state.labels[hash]?.locations ?? [:]
            let number = record ?? state.labels[hash]?.record ?? SequenceNumber(rawValue: 0)
            var new = Labels(record: number, labels: labels)
            for version in found { new.locations[version.number] = version.location }
            // A version that is held may have been moved since the caller looked: only this table knows its place.
            for number in labels.numbers { new.locations[number] = old[number] ?? new.locations[number] }
            new.labels.removeAll { new.locations[$0.number] == nil }
            for location in new.locations.values { state.held.insert(location) }
            state.labels[hash] = new.labels.isEmpty ? nil : new
            let released = old.filter { new.locations[$0.key] == nil }
            for location in released.values { state.held.remove(location) }
            return released.map { Version(hash: hash, number: $0.key, location: $0.value) }
        }
    }

    /// Forgets the versions for which `condition` is true, with their labels, and returns them.
    func forget(where condition: (Version) -> Bool) -> [Version] {
        guard isUsed else { return [] }
        return state.withLock { state in
            var forgotten: [Version] = []
            for hash in state.labels.keys { forgotten += Self.forget(hash, where: condition, &state) }
            return forgotten
        }
    }

    /// The same for the versions of one key.
    func forget(_ hash: KeyHash, where condition: (Version) -> Bool) -> [Version] {
        guard isUsed else { return [] }
        return state.withLock { Self.forget(hash, where: condition, &$0) }
    }

    private static func forget(
        _ hash: KeyHash, where condition: (Version) -> Bool, _ state: inout State
    ) -> [Version] {
        guard var labels = state.labels[hash] else { return [] }
        let gone = labels.locations.map { Version(hash: hash, number: $0.key, location: $0.value) }.filter(condition)
        guard !gone.isEmpty else { return [] }
        for version in gone {
            labels.locations[version.number] = nil
            labels.labels.removeAll { $0.number == version.number }
            state.held.remove(version.location)
        }
        state.labels[hash] = labels.locations.isEmpty ? nil : labels
        return gone
    }

    func relocate(_ hash: KeyHash, _ number: SequenceNumber, from old: FrameLocation, to new: FrameLocation) -> Bool {
        guard isUsed else { return false }
        return state.withLock { state in
            guard state.labels[hash]?.locations[number] == old else { return false }
            state.labels[hash]?.locations[number] = new
            state.held.remove(old)
            state.held.insert(new)
            return true
        }
    }

    /// Takes over the content of `other`.
    ///
    /// - Complexity: O(1); the first change of either then copies it.
    func replace(by other: LabelTable) {
        let content = other.state.withLock { $0 }
        wasUsed.store(other.isUsed, ordering: .releasing)
        state.withLock { $0 = content }
    }

    var keys: [KeyHash: KeyHash] { isUsed ? state.withLock { $0.keys } : [:] }

    func replace(_ keys: [KeyHash: KeyHash]) {
        if !keys.isEmpty { wasUsed.store(true, ordering: .releasing) }
        state.withLock { state in
            state = State()
            state.keys = keys
            state.unread = Set(keys.keys)
        }
    }
}
