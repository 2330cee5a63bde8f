import Synchronization

/// Counts the calls to a disk: for statistics, and for checks that the engine does not come to need more of them.
///
/// Stores into mappings are not counted: they are no calls, and there are too many for a counter that threads share.
package final class DiskCounters: Sendable {
    private let writes = Atomic(0)
    private let bytes = Atomic(0)
    private let syncs = Atomic(0)

    package init() {}

    /// Calls that wrote to files.
    package var writeCount: Int { writes.load(ordering: .relaxed) }
    /// Bytes that these calls wrote.
    package var writtenByteCount: Int { bytes.load(ordering: .relaxed) }
    /// Syncs of files and directories.
    package var syncCount: Int { syncs.load(ordering: .relaxed) }

    package func countWrite(byteCount: Int) {
        writes.add(1, ordering: .relaxed)
        bytes.add(byteCount, ordering: .relaxed)
    }

    package func countSync() { syncs.add(1, ordering: .relaxed) }
}
