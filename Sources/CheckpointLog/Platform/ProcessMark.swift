import CPlatform

/// Distinguishes the process that made it from the children that `fork()` makes of it, for the cost of a load from
/// memory.
///
/// A child has the parent's open files and not its threads: what it writes would land in the middle of what the parent
/// writes.
package struct ProcessMark: Sendable {
    private let forkCount: UInt32

    package init() {
        checkpoint_count_forks()
        forkCount = checkpoint_fork_count()
    }

    package var isThisProcess: Bool {
        return checkpoint_fork_count() == forkCount
    }
}
