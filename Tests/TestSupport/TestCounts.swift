import FoundationEssentials
import SystemPackage

/// Prints what a suite has done as a line that a program can add up, as in `counts: suite=PowerLoss cuts=402
/// images=1608`.
///
/// Nothing is printed unless the environment has `CHECKPOINT_LOG_COUNTS`. A line is one write, so that those of suites
/// that run side by side do not mix.
package func tellCounts(_ suite: String, _ counts: KeyValuePairs<String, Int>) {
    guard ProcessInfo.processInfo.environment["CHECKPOINT_LOG_COUNTS"] != nil else { return }
    let line = "counts: suite=\(suite)" + counts.map { " \($0.key)=\($0.value)" }.joined() + "\n"
    // Without a standard output nobody counts.
    _ = try? FileDescriptor.standardOutput.writeAll(line.utf8)
}
