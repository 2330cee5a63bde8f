import ArgumentParser
import Foundation

/// The process of one contender; see ``ContenderProcess``.
struct ContendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "contend", shouldDisplay: false)

    @Option var workload: String
    @Option var contender: String
    @Option var directory: String
    @Flag var quick = false

    private struct Answer<Value: Encodable>: Encodable {
        var value: Value?
        var failure: String?
    }

    func run() async throws {
        do {
            guard
                let workload = allWorkloads.first(where: { $0.name == workload }),
                let chosen = try workload.contenders(isQuick: quick).first(where: { $0.name == contender })
            else { throw PeerFailure("there is no such contender") }
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let session = try await chosen.prepare(directory)
            ResidentMemory.resetPeak()
            try Self.say(true)
            while let word = readLine() {
                guard word != "finish" else {
                    let outcome = Outcome(
                        bytesWrittenPerByte: try await session.bytesWrittenPerByte(),
                        peakMemoryBytes: ResidentMemory.peakByteCount)
                    try await session.finish()
                    return try Self.say(outcome)
                }
                try Self.say(try await session.measure())
            }
        } catch {
            try Self.write(Answer<Bool>(failure: "\(error)"))
            throw ExitCode.failure
        }
    }

    private static func say(_ value: some Encodable) throws { try write(Answer(value: value)) }

    private static func write(_ answer: some Encodable) throws {
        try FileHandle.standardOutput.write(contentsOf: try JSONEncoder().encode(answer) + Data("\n".utf8))
    }
}
