import CPlatform

/// Tells the process that made it from the children that come out of it by `fork()`, at the cost of a load from memory.
///
/// A child has the parent's open files and not its threads: what it writes lands in the midst of what the parent
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
