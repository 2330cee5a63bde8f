import SystemPackage

/// The manifest of an open log. Each change is on the disk, and synced, before this object shows it.
package final class ManifestFile: Sendable {
    /// Segment numbers reserved with each replacement, so that a value segment seldom needs one of its own.
    private static let reservedSegments: UInt32 = 64

    private struct State {
        var manifest: Manifest
        var nextSegment: SegmentNumber
        var position: PositionPage?
        /// A replacement of which it is not known whether it is in force.
        var doubt: FileSystemError?
    }

    private let directory: any OpenDirectory
    private let lock: any FileLock
    private let state: Lock<State>

    /// Makes the object for the manifest on the disk, under the log's lock. Numbers from `firstSegment` on are unused.
    package init(_ manifest: Manifest, in directory: any OpenDirectory, lock: any FileLock, firstSegment: SegmentNumber)
    {
        self.directory = directory
        self.lock = lock
        state = Lock(State(manifest: manifest, nextSegment: max(manifest.nextSegment, firstSegment)))
    }

    /// From now on `position` states each manifest, so that an older one in its place is noticed.
    package func state(in position: PositionPage) {
        state.withLock { $0.position = position }
    }

    package var current: Manifest { state.withLock { $0.manifest } }

    /// Greater than the number of every file of the log.
    package var nextSegment: SegmentNumber { state.withLock { $0.nextSegment } }

    /// Replaces the manifest on the disk by the result of `change`. On an error the old one stays in force, or it is
    /// unknown which one is. In that case the log makes no further replacement, because a later sync of the directory
    /// can succeed without the name that an earlier one lost.
    package func edit(_ change: (inout Manifest) -> Void) throws(FileSystemError) {
        try state.withLock { state throws(FileSystemError) in
            try edit(&state, change)
        }
    }

    /// A segment number that was never used, reserved on disk.
    package func reserveSegmentNumber() throws(FileSystemError) -> SegmentNumber {
        try state.withLock { state throws(FileSystemError) in try reserveNumber(&state) }
    }

    /// Creates the file of a segment under an unused number, before anybody gets a greater number.
    package func makeSegment<Segment>(_ make: (SegmentNumber) throws -> Segment) throws -> Segment {
        try state.withLock { state in
            let number = try wrapping { () throws(FileSystemError) in try reserveNumber(&state) }
            return try make(number)
        }
    }

    private func reserveNumber(_ state: inout State) throws(FileSystemError) -> SegmentNumber {
        guard state.nextSegment < .max else { throw usedUp }
        if state.nextSegment >= state.manifest.nextSegment { try edit(&state) { _ in } }
        defer { state.nextSegment = state.nextSegment.next }
        return state.nextSegment
    }

    /// Reserves the next epoch, 2³² sequence numbers that no other opening will use, and states what the log keeps from
    /// this opening on.
    ///
    /// - Parameter word: makes the random word of the opening.
    package func reserveEpoch(
        policies: [UInt8: RecordedPolicy], word: (_ epoch: UInt32) -> UInt64
    ) throws(FileSystemError) -> UInt32 {
        try state.withLock { state throws(FileSystemError) in
            let epoch = state.manifest.nextEpoch
            guard epoch < SequenceNumber.epochLimit else { throw usedUp }
            let word = max(1, word(epoch))
            try edit(&state) { manifest in
                manifest.open(as: word)
                manifest.policies = policies
            }
            return epoch
        }
    }

    /// Thrown if no number is left for another segment, opening or manifest, or if the list of segments is full.
    private var usedUp: FileSystemError {
        FileSystemError(.open, directory.path.appending(FileName.manifest), .overflow)
    }

    private func edit(_ state: inout State, _ change: (inout Manifest) -> Void) throws(FileSystemError) {
        if let doubt = state.doubt { throw doubt }
        var manifest = state.manifest
        change(&manifest)
        manifest.generation += 1
        manifest.nextSegment = max(manifest.nextSegment, state.nextSegment.advanced(by: Self.reservedSegments))
        guard manifest.isWithinLimits else { throw usedUp }
        do throws(FileSystemError) {
            try requireInPlace()
            try directory.replace(FileName.manifest, with: manifest.bytes)
        } catch {
            if error.isBehindRename { state.doubt = error }
            throw error
        }
        state.manifest = manifest
        // The new manifest is in force even if this word is not updated; the word may be too low.
        try? state.position?.setGeneration(manifest.generation)
    }

    /// Checks that the log is still in the directory that it has locked. Called before anything counts.
    ///
    /// - Throws: ``FileSystemError/isOutOfPlace``.
    package func requireInPlace() throws(FileSystemError) {
        guard try lock.isInPlace() else { throw .outOfPlace(directory.path.appending(FileName.lock)) }
    }
}
