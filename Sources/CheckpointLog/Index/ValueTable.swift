import Synchronization

/// The files of large values: which frame refers to each, and which of them are freed.
///
/// A value is dead when neither the index, nor a group, nor a label has its record. Nobody needs its file then, but the
/// reference stays until its segment is compacted. A frame of the kind ``RecordKind/freed`` says that the value is dead
/// for good, whatever retention somebody opens the log with.
package final class ValueTable: Sendable {
    /// A reference on disk, dead or alive.
    package struct Reference: Sendable, Hashable {
        package var file: ValueFile
        package var hash: KeyHash
        package var sequenceNumber: SequenceNumber

        package init(file: ValueFile, hash: KeyHash, sequenceNumber: SequenceNumber) {
            self.file = file
            self.hash = hash
            self.sequenceNumber = sequenceNumber
        }
    }

    /// A value that nothing can restore any more.
    package struct DeadValue: Sendable {
        package var file: ValueFile
        /// Where its reference was when the value was found dead.
        package var location: FrameLocation
    }

    /// What a snapshot keeps.
    struct Content: Sendable {
        var references: [FrameLocation: Reference] = [:]
        /// Freed value segments, with the frames that say so.
        var freed: [SegmentNumber: FrameLocation] = [:]
    }

    private struct State {
        var content = Content()
        /// Where the reference to each value segment is.
        var places: [SegmentNumber: FrameLocation] = [:]
        /// The value segment of each freed frame.
        var statements: [FrameLocation: SegmentNumber] = [:]
        /// Values that nobody is freeing yet, and that are not freed.
        var unclaimed: Set<SegmentNumber> = []
        /// Freed values whose files are still there.
        var leaving: Set<SegmentNumber> = []
    }

    private let state = Lock(State())
    /// Whether there ever was a large value. Most logs have none, and their appends then need no lock.
    private let wasUsed = Atomic(false)
    /// Whether a value may have died since the last ``claimDead(where:)``.
    private let mayHaveDead = Atomic(false)

    package init() {}

    @inline(__always)
    var isUsed: Bool { wasUsed.load(ordering: .acquiring) }

    @inline(__always)
    package var hasCandidates: Bool { mayHaveDead.load(ordering: .acquiring) }

    /// Adds a reference whose record is in the index.
    ///
    /// - Returns: the freed frame of its value, if there is one.
    func insert(_ reference: Reference, at location: FrameLocation) -> FrameLocation? {
        wasUsed.store(true, ordering: .releasing)
        defer { mayHaveDead.store(true, ordering: .releasing) }
        return state.withLock { state in
            let segment = reference.file.segment
            state.content.references[location] = reference
            // A value whose reference was moved may be claimed already.
            let isNew = state.places.updateValue(location, forKey: segment) == nil
            let statement = state.content.freed[segment]
            if isNew, statement == nil { state.unclaimed.insert(segment) }
            return statement
        }
    }

    /// Notes that a value is freed, according to the frame at `location`.
    ///
    /// - Returns: the reference, if it is known.
    func free(_ segment: SegmentNumber, at location: FrameLocation) -> Reference? {
        wasUsed.store(true, ordering: .releasing)
        return state.withLock { state in
            let old = state.content.freed.updateValue(location, forKey: segment)
            if let old { state.statements[old] = nil }
            state.statements[location] = segment
            state.unclaimed.remove(segment)
            return state.places[segment].flatMap { state.content.references[$0] }
        }
    }

    /// Whether the freed frame of a value is needed: it is, as long as there is a reference to the value.
    func needsStatement(of segment: SegmentNumber) -> Bool { state.withLock { $0.places[segment] != nil } }

    /// The reference to a value segment, if the table has one.
    func reference(to segment: SegmentNumber) -> Reference? {
        state.withLock { state in state.places[segment].flatMap { state.content.references[$0] } }
    }

    package func isFreed(_ segment: SegmentNumber) -> Bool { state.withLock { $0.content.freed[segment] != nil } }

    /// References to values that are not freed and that were not known to be synced when the reference was appended.
    var unsyncedReferences: [(location: FrameLocation, reference: Reference)] {
        guard isUsed else { return [] }
        return state.withLock { state in
            state.content.references.filter {
                $0.value.file.isUnsynced && state.content.freed[$0.value.file.segment] == nil
            }
            .map { ($0.key, $0.value) }
        }
    }

    /// Notes that a frame died; if it is a reference, its value may be dead.
    func noteDead(_ location: FrameLocation) {
        guard state.withLock({ $0.content.references[location] != nil }) else { return }
        mayHaveDead.store(true, ordering: .releasing)
    }

    /// Notes that a group ended or was replaced; its members' values may be dead.
    func noteGroupChange() {
        if isUsed { mayHaveDead.store(true, ordering: .releasing) }
    }

    /// The values that died since the last call. Freeing them is up to the caller.
    ///
    /// - Complexity: O(n) in the values that are live, and in those that died.
    package func claimDead(where isLive: (Reference) -> Bool) -> [DeadValue] {
        mayHaveDead.store(false, ordering: .sequentiallyConsistent)
        let open = state.withLock { state in
            state.unclaimed.compactMap { segment in
                state.places[segment].flatMap { place in state.content.references[place].map { (place, $0) } }
            }
        }
        let dead = open.filter { !isLive($0.1) }.map { DeadValue(file: $1.file, location: $0) }
        state.withLock { $0.unclaimed.subtract(dead.map(\.file.segment)) }
        return dead.sorted { $0.file.segment < $1.file.segment }
    }

    /// Notes whether the file of a freed value still exists.
    package func note(_ segment: SegmentNumber, isThere: Bool) {
        state.withLock { state in
            if isThere { state.leaving.insert(segment) } else { state.leaving.remove(segment) }
        }
    }

    /// Changes the place of a frame that compaction copied; true if it is a freed frame that is needed.
    func relocate(from old: FrameLocation, to new: FrameLocation) -> Bool {
        guard isUsed else { return false }
        return state.withLock { state in
            if let reference = state.content.references.removeValue(forKey: old) {
                state.content.references[new] = reference
                state.places[reference.file.segment] = new
                return false
            }
            guard let segment = state.statements.removeValue(forKey: old) else { return false }
            state.statements[new] = segment
            state.content.freed[segment] = new
            return state.places[segment] != nil
        }
    }

    /// Forgets the reference at `location`, whose frame is gone.
    ///
    /// - Returns: the file that nothing needs any more. If its value is freed already: the freed frame, which is not
    ///   needed any more either.
    package func dropReference(at location: FrameLocation) -> (file: SegmentNumber?, statement: FrameLocation?) {
        state.withLock { state in
            guard let reference = state.content.references.removeValue(forKey: location) else { return (nil, nil) }
            let segment = reference.file.segment
            state.places[segment] = nil
            let statement = state.content.freed[segment]
            state.unclaimed.remove(segment)
            return statement == nil ? (segment, nil) : (nil, statement)
        }
    }

    /// Forgets a freed frame that compaction drops.
    func dropStatement(at location: FrameLocation) {
        state.withLock { state in
            guard let segment = state.statements.removeValue(forKey: location) else { return }
            if state.content.freed[segment] == location { state.content.freed[segment] = nil }
        }
    }

    /// Forgets the frames of segments that left the log.
    func removeFrames(where isGone: (_ segment: SegmentNumber) -> Bool) {
        state.withLock { state in
            var content = state.content
            content.references = content.references.filter { !isGone($0.key.segment) }
            content.freed = content.freed.filter { !isGone($0.value.segment) }
            Self.replace(content, &state)
        }
    }

    /// The value segments with a reference that are not freed.
    package var referencedSegments: Set<SegmentNumber> {
        state.withLock { state in
            Set(state.content.references.values.map(\.file.segment)).subtracting(state.content.freed.keys)
        }
    }

    /// The value segments that a copy of these segments needs: those with a reference in them and no freed frame in
    /// them.
    package func referenced(in segments: Set<SegmentNumber>) -> [SegmentNumber] {
        state.withLock { state in
            state.content.references.compactMap { location, reference in
                let value = reference.file.segment
                if let freed = state.content.freed[value], segments.contains(freed.segment) { return nil }
                return segments.contains(location.segment) ? value : nil
            }.sorted()
        }
    }

    /// References to values that are freed.
    var freedReferences: [FrameLocation: Reference] {
        state.withLock { state in
            guard !state.content.freed.isEmpty else { return [:] }
            return state.content.references.filter { state.content.freed[$0.value.file.segment] != nil }
        }
    }

    /// Bytes of the files that exist, and of those whose value something can still restore.
    ///
    /// - Complexity: O(n) in the references on disk.
    package func byteCounts(where isLive: (Reference) -> Bool) -> (total: Int, live: Int) {
        guard isUsed else { return (0, 0) }
        let files = state.withLock { state in
            state.content.references.values.filter {
                state.content.freed[$0.file.segment] == nil || state.leaving.contains($0.file.segment)
            }
        }
        return files.reduce(into: (0, 0)) { counts, reference in
            counts.0 += reference.file.byteCount
            if isLive(reference) { counts.1 += reference.file.byteCount }
        }
    }

    /// Where the freed frames are.
    package var freedFrames: [FrameLocation] { state.withLock { Array($0.content.freed.values) } }

    var content: Content { state.withLock { $0.content } }

    func replace(_ content: Content) {
        if !content.references.isEmpty || !content.freed.isEmpty {
            wasUsed.store(true, ordering: .releasing)
            mayHaveDead.store(true, ordering: .releasing)
        }
        state.withLock { Self.replace(content, &$0) }
    }

    private static func replace(_ content: Content, _ state: inout State) {
        // A value that somebody is freeing stays claimed.
        let claimed = Set(state.places.keys).subtracting(state.unclaimed)
        state.content = content
        state.places = [:]
        for (location, reference) in content.references { state.places[reference.file.segment] = location }
        state.statements = [:]
        for (segment, location) in content.freed { state.statements[location] = segment }
        state.unclaimed = Set(state.places.keys).subtracting(content.freed.keys).subtracting(claimed)
    }
}
