package import SystemPackage

/// Checks a log and says exactly what is damaged. It changes nothing, and is a second opinion beside recovery.
///
/// It shares with recovery the code that reads the format from files: the listing of the directory, frames, headers,
/// footers, POSITION and the manifest. It decides with code of its own which records are live, which groups are
/// complete, and where a chain ends. It uses the index's code only to read the snapshot, which it then compares with
/// its own result.
///
/// ```swift
/// let report = try await LogVerifier(directory: "/var/lib/simulation", level: .deep).verify { done, total in
///     print("\(done * 100 / max(total, 1)) %")
/// }
/// exit(Int32(report.exitCode))
/// ```
public struct LogVerifier: Sendable {
    /// Called with the bytes checked so far and the bytes of the whole log, on any thread.
    public typealias Progress = @Sendable (_ done: Int, _ total: Int) -> Void

    /// How often to look at a log that changes during the check. Each look reads only what is new.
    private static let attempts = 5

    private let path: String
    private let level: VerificationLevel
    private let fileSystem: any FileSystem
    private let threadCount: Int

    /// Makes a verifier of the log in `directory`. Nothing is read before ``verify(progress:)``.
    ///
    /// - Parameters:
    ///   - directory: the path of the log.
    ///   - level: how much is looked at.
    public init(directory: String, level: VerificationLevel = .full) {
        self.init(
            path: directory, level: level, fileSystem: POSIXFileSystem.shared, threadCount: nil)
    }

    package init(
        directory: FilePath, level: VerificationLevel, fileSystem: any FileSystem, threadCount: Int? = nil
    ) {
        self.init(
            path: directory.string, level: level, fileSystem: fileSystem, threadCount: threadCount)
    }

    private init(
        path: String, level: VerificationLevel, fileSystem: any FileSystem, threadCount: Int?
    ) {
        self.path = path
        self.level = level
        self.fileSystem = fileSystem
        self.threadCount = threadCount ?? NamedThread.coreCount
    }

    /// Checks the log on threads of its own, and changes nothing on the disk. A process may write the log meanwhile.
    ///
    /// - Returns: what was found; what cannot be read is a finding too. Never throws for what a file holds.
    /// - Complexity: O(n) in the bytes of the log, or in its files for ``VerificationLevel/quick``; at
    ///   ``VerificationLevel/deep`` the index of all keys is in memory.
    public func verify(progress: @escaping Progress = { _, _ in }) async -> VerificationReport {
        await withCheckedContinuation { continuation in
            let check: @Sendable () -> Void = { continuation.resume(returning: run(progress)) }
            if NamedThread(name: "ckpt-verify", check) == nil { check() }
        }
    }

    /// Checks the log as ``verify(progress:)`` does, for synchronous code.
    @available(*, noasync, message: "Use the asynchronous form.")
    public func verifyBlocking(progress: @escaping Progress = { _, _ in }) -> VerificationReport { run(progress) }

    package func run(_ progress: @escaping Progress = { _, _ in }) -> VerificationReport {
        var settled = VerificationPass.Settled()
        var report = VerificationReport(level: level, directory: path)
        let pass: VerificationPass
        do throws(CheckpointLogError) {
            pass = VerificationPass(
                fileSystem: fileSystem, directory: try fileSystem.existingDirectory(try .ofLog(path)), level: level,
                threadCount: threadCount)
        } catch {
            report.findings = [Self.finding(error)]
            return report
        }
        defer { pass.directory.close() }
        for _ in 1...Self.attempts {
            report = VerificationReport(level: level, directory: path)
            do {
                if try pass.run(&report, &settled, progress) { break }
            } catch let error as CheckpointLogError {
                report.findings.append(Self.finding(error))
                break
            } catch {
                report.findings.append(Self.finding(CheckpointLogError(error)))
                break
            }
        }
        report.findings.sort { ($0.file, $0.offset ?? -1) < ($1.file, $1.offset ?? -1) }
        return report
    }

    static func finding(_ error: CheckpointLogError, in name: String = "") -> VerificationFinding {
        let severity: VerificationFinding.Severity =
            switch error.code {
            case .unsupportedFormat: .unsupported
            case .damaged: .damage
            default: .unreadable
            }
        let file = error.location.map { FilePath($0.path).lastComponent?.string ?? name } ?? name
        var text = error.message
        if let cause = error.cause { text += " (\(cause))" }
        return VerificationFinding(severity, file, offset: error.location?.offset, text)
    }
}

extension CheckpointLogError {
    /// Any error, as a `CheckpointLogError`.
    init(_ error: any Error) {
        if let error = error as? FileSystemError {
            self.init(error)
        } else {
            self.init(code: .ioFailure, message: "The check failed.", cause: error)
        }
    }
}
