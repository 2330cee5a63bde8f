/// How much of what was not synced is on the disk after the power went.
package enum CrashImageKind: Sendable, Hashable {
    case syncedOnly
    case everything
    /// A subset that the seed determines.
    case random(UInt64)
}

/// Which end a crash image stands for.
package enum CrashBoot: Sendable {
    /// Only the process died: everything written is there, and what was unsynced still is.
    case same
    /// The machine started anew.
    case another
}

/// How readily one random image keeps what was not synced: images that keep nearly all, or nearly nothing, find other
/// bugs than those that keep half.
struct CrashOdds: Sendable {
    var eighths: Int

    init(_ generator: inout SeededGenerator) {
        eighths = [1, 4, 4, 7][generator.number(below: 4)]
    }

    func keeps(_ generator: inout SeededGenerator) -> Bool { generator.number(below: 8) < eighths }
}

extension SimulatedDisk {
    /// The disk after only the process has died.
    func surviving() -> SimulatedDisk {
        var disk = self
        disk.handles = [:]
        disk.locks = [:]
        disk.announced = []
        disk.collectFiles()
        return disk
    }

    /// The disk that the machine finds when it starts anew.
    func image(_ kind: CrashImageKind) -> SimulatedDisk {
        var generator = SeededGenerator(seed: 0)
        if case .random(let seed) = kind { generator = SeededGenerator(seed: seed) }
        let odds = CrashOdds(&generator)
        var disk = self
        disk.handles = [:]
        disk.locks = [:]
        disk.announced = []
        disk.bootIdentifier = bootIdentifier == .max ? 1 : bootIdentifier + 1
        disk.directories = [:]
        disk.files = [:]

        var links: [Int: Int] = [:]
        var waiting = [Self.root]
        while let number = waiting.popLast() {
            guard disk.directories[number] == nil, let directory = directories[number] else { continue }
            let image = directory.image(kind, &generator, odds: odds)
            disk.directories[number] = image
            for (_, node) in image.entries.sorted(by: { $0.key < $1.key }) {
                switch node {
                case .file(let file): links[file, default: 0] += 1
                case .directory(let child): waiting.append(child)
                }
            }
        }
        for (number, count) in links.sorted(by: { $0.key < $1.key }) {
            disk.files[number] = files[number]?.image(kind, &generator, odds: odds)
            disk.files[number]?.linkCount = count
        }
        return disk
    }
}
