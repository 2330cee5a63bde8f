import Foundation

/// What a script of operations made the engine count. Kept in a file, so that a change of it is a change of the file.
struct Expectation: Codable, Equatable {
    var counters: [String: Int]

    /// Counters that mean something else where segments are not mapped.
    private static let mappedOnly: Set = ["mappedByteCount", "writeCallCount", "writtenByteCount"]

    /// Counters that are compared to a part of themselves: footers keep times as differences, whose length depends on
    /// the times, and the tables of the index grow as the log's own hash key spreads the keys.
    private static let tolerances = ["writtenByteCount": 0.02, "indexByteCount": 0.25]

    init(_ counters: [String: Int]) { self.counters = counters }

    init(contentsOf path: String) throws {
        self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: URL(filePath: path)))
    }

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try (encoder.encode(self) + Data("\n".utf8)).write(to: URL(filePath: path))
    }

    /// Whether any frame was stored into a mapped segment.
    var isMapped: Bool { counters["mappedByteCount"] ?? 0 > 0 }

    /// A line for each counter that is not as `expected`.
    ///
    /// - Parameter isMapped: whether segments are mapped here; a script all of whose frames are written does not show
    ///   it.
    func differences(from expected: Expectation, isMapped: Bool) -> [String] {
        let names = Set(counters.keys).union(expected.counters.keys)
        return names.sorted().compactMap { name in
            if !isMapped, Self.mappedOnly.contains(name) { return nil }
            let (found, wanted) = (counters[name], expected.counters[name])
            // A system whose allocations are not counted.
            if name.hasPrefix("allocations"), found == nil { return nil }
            guard found != wanted else { return nil }
            if let tolerance = Self.tolerances[name], let found, let wanted,
                Double(abs(found - wanted)) <= tolerance * Double(wanted)
            {
                return nil
            }
            return "\(name): expected \(wanted.map(String.init) ?? "none"), found \(found.map(String.init) ?? "none")"
        }
    }
}
