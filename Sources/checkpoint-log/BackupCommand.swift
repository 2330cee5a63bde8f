import ArgumentParser
import CheckpointLog
import Synchronization

/// Makes a directory a copy of a log.
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Makes a directory a copy of the log, or brings an earlier copy up to date.",
        discussion: """
            The copy has every version, number, date, group, pin and tag, and is a log like any other: log-verify \
            proves it sound. Interrupted, the directory holds the earlier copy or the new one, and the next call goes \
            on. On the log's own disk files get a second name and are not copied.

            Another process may be writing the log: the copy has what was written by one moment. What that process \
            holds in memory is not in it; a program that writes the log copies that too with `backup(to:)`.
            """)

    @OptionGroup var log: DirectoryArgument

    @Argument(help: "The directory of the copy: a new or empty one, or an earlier copy.", completion: .directory)
    var destination: String

    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await CommandFailure.reporting {
            let log = try await CheckpointLog.openForReading(at: log.directory)
            let line = ProgressLine()
            let report: BackupReport
            do {
                report = try await log.backup(to: destination) { line.show($0.byteCount, of: $0.totalByteCount) }
                line.clear()
            } catch {
                line.clear()
                try? await log.close()
                throw error
            }
            try await log.close()
            if output.json {
                try StandardStreams.writeJSON(report)
            } else {
                try StandardStreams.writeLine("\(report)")
            }
        }
    }
}

/// Shows the progress of a copy in a line on standard error; shows nothing if that is no terminal.
private final class ProgressLine: Sendable {
    private let isShown = StandardStreams.errorIsTerminal
    private let last = Atomic(-1)

    func show(_ done: Int, of total: Int) {
        guard isShown, total > 0 else { return }
        let percent = done * 100 / total
        guard last.exchange(percent, ordering: .relaxed) != percent else { return }
        StandardStreams.writeToError("\r\(percent) % of \(total >> 20) MiB")
    }

    func clear() {
        if isShown { StandardStreams.writeToError("\r\u{1B}[K") }
    }
}
