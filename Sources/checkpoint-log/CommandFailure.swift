import ArgumentParser
import CheckpointLog

/// The exit codes of the tool, beyond 0 and those of the argument parser.
enum CommandFailure {
    static let noSuchCheckpoint = ExitCode(1)
    static let logFailed = ExitCode(2)

    /// Runs the body of a command; what the library throws is printed as it is, and becomes an exit code.
    static func reporting(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let code as ExitCode {
            throw code
        } catch let error as CheckpointLogError where error.code == .invalidKey || error.code == .invalidLevel {
            StandardStreams.complain("\(error)")
            throw ExitCode.validationFailure
        } catch {
            StandardStreams.complain("\(error)")
            throw logFailed
        }
    }
}
