import CheckpointLog
import Foundation
import Synchronization

/// Shows the progress of a verification in a line on standard error; shows nothing if that is no terminal.
final class ProgressBar: Sendable {
    private static let width = 40

    private let isShown = isatty(STDERR_FILENO) == 1
    private let last = Atomic(-1)

    func show(_ done: Int, of total: Int) {
        guard isShown, total > 0 else { return }
        let share = done * Self.width / total
        guard last.exchange(share, ordering: .relaxed) != share else { return }
        let bar = String(repeating: "#", count: share) + String(repeating: ".", count: max(0, Self.width - share))
        FileHandle.standardError.write(Data("\r[\(bar)] \(done * 100 / total) %".utf8))
    }

    func clear() {
        guard isShown else { return }
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
    }
}
