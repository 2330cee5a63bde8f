import SystemPackage

/// Files of large values that are not synced, although their references are appended. Each sync of the log syncs them
/// before it states a position.
///
/// A sync skips values that are dead by then. What superseded them is before the position that the sync states, so
/// nobody needs them again. If values are checkpointed often, most never reach the disk.
package final class UnsyncedValues: Sendable {
    /// Files that may wait at a time; each takes a descriptor.
    package static let limit = 32

    /// A file that waits.
    struct Value {
        fileprivate var segment: SegmentNumber
        fileprivate var file: any OpenFile
        /// Syncs of the directory that had failed before the file was made.
        fileprivate var failedSyncCount: Int
    }

    private let isDead: @Sendable (SegmentNumber) -> Bool
    private let state = Lock<[Value]>([])

    /// - Parameter isDead: whether the value was superseded by something that is appended.
    package init(isDead: @escaping @Sendable (SegmentNumber) -> Bool) { self.isDead = isDead }

    package var isFull: Bool { state.withLock { $0.count >= Self.limit } }

    /// Adds a complete file, before its reference is appended.
    ///
    /// - Parameter failedSyncCount: syncs of its directory that had failed before it was made.
    func add(_ segment: SegmentNumber, _ file: any OpenFile, failedSyncCount: Int) {
        state.withLock { $0.append(Value(segment: segment, file: file, failedSyncCount: failedSyncCount)) }
    }

    /// Removes a file whose reference was not appended.
    func remove(_ segment: SegmentNumber) { removeAll { $0 == segment } }

    /// Removes the dead files: each position that is stated from now on covers what superseded them.
    package func removeDead() { removeAll(where: isDead) }

    /// A file closes with its last holder, which may be a sync that is under way.
    private func removeAll(where isOver: (SegmentNumber) -> Bool) {
        let over = Set(state.withLock { $0 }.map(\.segment).filter(isOver))
        state.withLock { values in values.removeAll { over.contains($0.segment) } }
    }

    /// The files that are not synced now. A sync reads them while nothing can be appended: what kills a file later may
    /// be after the end that the sync states.
    var waiting: [Value] { state.withLock { $0 } }

    /// Syncs `values`, and the directory they are named in.
    ///
    /// - Throws: what a sync throws, also where one of the directory has failed since a file was made: whoever could do
    ///   without that one went on, and the name of the file may have been lost in it.
    func sync(_ values: [Value], in directory: any OpenDirectory) throws(FileSystemError) {
        guard !values.isEmpty else { return }
        guard values.allSatisfy({ $0.failedSyncCount == directory.failedSyncCount }) else {
            throw FileSystemError(.syncDirectory, directory.path, .ioError)
        }
        for value in values { try value.file.sync() }
        try directory.sync()
        let segments = values.map(\.segment)
        removeAll { segments.contains($0) }
    }
}
