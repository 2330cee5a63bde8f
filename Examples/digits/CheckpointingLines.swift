import Foundation

/// The lines of the training loop that are about checkpoints, read out of its source, so that what is printed is what
/// ran.
struct CheckpointingLines {
    let lines: [String]

    init() throws {
        let source = try String(contentsOfFile: TrainingLoop.source, encoding: .utf8)
        var lines: [String] = []
        var isBetween = false
        for line in source.split(separator: "\n").map({ $0.trimmingCharacters(in: .whitespaces) }) {
            switch line {
            case TrainingLoop.beginMark: isBetween = true
            case TrainingLoop.endMark: isBetween = false
            default: if isBetween { lines.append(line) }
            }
        }
        guard !lines.isEmpty else { throw DemoFailure("\(TrainingLoop.source) has no marked lines.") }
        self.lines = lines
    }
}
