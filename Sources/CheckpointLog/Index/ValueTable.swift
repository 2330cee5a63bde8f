import Synchronization

/// The files of large values: which frame refers to each, and which of them are freed.
///
/// A value is dead when neither the index nor a group holds its record. Its file is then no use to anybody, but the
/// reference stays where it is until its segment is compacted; a frame of the kind ``RecordKind/freed`` says that it is
/// dead for ever, whatever retention somebody opens the log with.
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
        /// Where its reference stood when it was found dead.
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
        /// Where the reference to each value segment stands.
        var places: [SegmentNumber: FrameLocation] = [:]
        /// What each frame of a freed value is about.
        var statements: [FrameLocation: SegmentNumber] = [:]
        /// Values whose death nobody works on yet, and whose file is there.
        var unclaimed: Set<SegmentNumber> = []
        /// Freed values whose files are still there.
        var leaving: Set<SegmentNumber> = []
    }

    private let state = Lock(State())
    /// Whether there ever was a large value: most logs have none, and their appends need not take the lock.
    private let wasUsed = Atomic(false)
    /// Whether a value may have died since ``claimDead(where:)`` looked.
    private let mayHaveDead = Atomic(false)

    package init() {}

    @inline(__always)
    var isUsed: Bool { wasUsed.load(ordering: .acquiring) }

    @inline(__always)
    package var hasCandidates: Bool { mayHaveDead.load(ordering: .acquiring) }

    /// Takes in a reference whose record is in the index.
    ///
    /// - Returns: the frame that says that its value is freed, where there is one.
    func insert(_ reference: Reference, at location: FrameLocation) -> FrameLocation? {
        wasUsed.store(true, ordering: .releasing)
        defer { mayHaveDead.store(true, ordering: .releasing) }
        return state.withLock { state in
            let segment = reference.file.segment
            state.content.references[location] = reference
            // One whose place changes may be claimed already.
            let isNew = state.places.updateValue(location, forKey: segment) == nil
            let statement = state.content.freed[segment]
            if isNew, statement == nil { state.unclaimed.insert(segment) }
            return statement
        }
    }

    /// Notes that a value is freed, as the frame at `location` says.
    ///
    /// - Returns: the reference, where one is known.
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

    /// Whether the frame of a freed value is needed: as long as there is a reference that it declares dead.
    func needsStatement(of segment: SegmentNumber) -> Bool { state.withLock { $0.places[segment] != nil } }

    /// The reference to a value segment, where one is in the table.
    func reference(to segment: SegmentNumber) -> Reference? {
        state.withLock { state in state.places[segment].flatMap { state.content.references[$0] } }
    }

    package func isFreed(_ segment: SegmentNumber) -> Bool { state.withLock { $0.content.freed[segment] != nil } }

    /// References to values that were not known to be synced when these were appended, and that are not freed.
    var unsyncedReferences: [(location: FrameLocation, reference: Reference)] {
        guard isUsed else { return [] }
        return state.withLock { state in
            state.content.references.filter {
                $0.value.file.isUnsynced && state.content.freed[$0.value.file.segment] == nil
            }
            .map { ($0.key, $0.value) }
        }
    }

    /// Notes that a frame died; a value may have died with it.
    func noteDead(_ location: FrameLocation) {
        guard state.withLock({ $0.content.references[location] != nil }) else { return }
        mayHaveDead.store(true, ordering: .releasing)
    }

    /// Notes that a group ended or was replaced, whose members may have died.
    func noteGroupChange() {
        if isUsed { mayHaveDead.store(true, ordering: .releasing) }
    }

    /// The values that died since the last call, which are the caller's to free.
    ///
    /// - Complexity: O(n) in the values that live, and in those that died.
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

    /// Notes that the file of a freed value is still there, or that it is gone by now.
    package func note(_ segment: SegmentNumber, isThere: Bool) {
        state.withLock { state in
            if isThere { state.leaving.insert(segment) } else { state.leaving.remove(segment) }
        }
    }

    /// Swaps the place of a frame that compaction copied; whether it is one of a freed value that is needed.
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
    /// - Returns: the file that nothing needs any more, or where its value is freed already, the frame that says so and
    ///   is not needed any more.
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

    /// Forgets a statement whose frame is dropped.
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

    /// The value segments that a record refers to which is not freed.
    package var referencedSegments: Set<SegmentNumber> {
        state.withLock { state in
            Set(state.content.references.values.map(\.file.segment)).subtracting(state.content.freed.keys)
        }
    }

    /// The value segments that a copy of these segments needs: those that a record in them refers to, unless a frame in
    /// them says that the value is freed.
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

    /// Bytes of the files that are there, and of those whose value something can still restore.
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

    /// Where the frames of freed values stand.
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
        // Those whose death is worked on stay the worker's.
        let claimed = Set(state.places.keys).subtracting(state.unclaimed)
        state.content = content
        state.places = [:]
        for (location, reference) in content.references { state.places[reference.file.segment] = location }
        state.statements = [:]
        for (segment, location) in content.freed { state.statements[location] = segment }
        state.unclaimed = Set(state.places.keys).subtracting(content.freed.keys).subtracting(claimed)
    }
}
