import CheckpointLog
import SystemPackage
import TestSupport

// What the samples of the guides are about.

struct State: Codable, Equatable, Sendable {
    var step = 0

    var isDone: Bool { step >= 5 }

    mutating func advance() { step += 1 }
}

struct Walk: Codable, Equatable, Sendable {
    var step = 0
    var position = 0.0
}

struct Model: Codable, Equatable, Sendable {
    var loss = 1.0
}

struct Optimizer: Codable, Equatable, Sendable {
    var momentum = 0.9
}

struct Worker: Codable, Equatable, Sendable {
    var step = 0
}

struct Total: Codable, Equatable, Sendable {
    var sum = 0
}

actor Trainer {
    var state = Model(loss: 0.25)
}

/// A log in a directory that goes with it.
final class SampleLog: Sendable {
    private let parent: TemporaryDirectory

    init() throws { parent = try TemporaryDirectory() }

    var directory: String { parent.path.appending("log").string }

    /// Opens the log with levels that keep several versions.
    func open(keeping count: Int = 5) async throws -> CheckpointLog {
        var configuration = Configuration()
        for level in 1...3 {
            configuration.levels[level] = LevelPolicy(
                durability: level == 1 ? .written : .synced, retention: .newest(count))
        }
        return try await CheckpointLog.open(at: directory, configuration: configuration)
    }
}
