import SystemPackage

/// What a worker tells whoever started it, one line each, over its standard output.
enum WorkerReport: Equatable {
    /// The log is open and the training resumed after this many steps; with it what an earlier kill had left
    /// unfinished.
    case resumed(step: Int, leftovers: [String])
    /// This step begins.
    case began(step: Int)
    /// The checkpoint of this step has returned.
    case acknowledged(step: Int)
    /// The worker has stopped here, and waits to be killed.
    case stopped(StopPoint.Place)
    /// The training is done and the log closed.
    case finished(RunFigures)

    /// Reads a line; nil for one that is not of this kind.
    init?(line: Substring) {
        let words = line.split(separator: " ")
        if words.count == 2, words[0] == "stopped", let place = StopPoint.Place(rawValue: String(words[1])) {
            self = .stopped(place)
            return
        }
        let numbers = words.dropFirst().map { Int($0) ?? 0 }
        switch (words.first, numbers.count) {
        case ("resumed", 1...): self = .resumed(step: numbers[0], leftovers: words.dropFirst(2).map(String.init))
        case ("began", 1): self = .began(step: numbers[0])
        case ("acknowledged", 1): self = .acknowledged(step: numbers[0])
        case ("finished", RunFigures.fieldCount): self = .finished(RunFigures(fields: numbers))
        default: return nil
        }
    }

    var line: String {
        switch self {
        case .resumed(let step, let leftovers): (["resumed", "\(step)"] + leftovers).joined(separator: " ")
        case .began(let step): "began \(step)"
        case .acknowledged(let step): "acknowledged \(step)"
        case .stopped(let place): "stopped \(place.rawValue)"
        case .finished(let figures): (["finished"] + figures.fields.map(String.init)).joined(separator: " ")
        }
    }

    /// Writes the line in one piece: it is told wholly or not at all, whenever the process ends.
    func send() throws {
        try FileDescriptor.standardOutput.writeAll((line + "\n").utf8)
    }
}
