import ArgumentParser
import CheckpointLog

/// The exit codes of the tool, in addition to 0 and those of the argument parser.
enum CommandFailure {
    static let noSuchCheckpoint = ExitCode(1)
    static let logFailed = ExitCode(2)
    /// EX_IOERR of sysexits.h.
    static let streamFailed = ExitCode(74)

    /// Runs the body of a command; what the library throws is printed as it is, and becomes an exit code.
    ///
    /// - Parameter prints: whether the command has something to say when it succeeds: if nobody can be told, it is not
    ///   begun.
    static func reporting(prints: Bool = true, _ body: () async throws -> Void) async throws {
        do {
            if prints { try StandardStreams.requireOutput() }
            try await body()
            if prints { try StandardStreams.endOutput() }
        } catch let code as ExitCode {
            throw code
        } catch let failure as StreamFailure {
            StandardStreams.complain("\(failure)")
            throw streamFailed
        } catch let error as CheckpointLogError where error.code == .invalidKey || error.code == .invalidLevel {
            StandardStreams.complain("\(error)")
            throw ExitCode.validationFailure
        } catch {
            StandardStreams.complain("\(error)")
            throw logFailed
        }
    }
}
