/// A class of resilience and cost, 1 (cheapest) to 255, that every record carries.
package struct Level: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    package static let range = 1...255

    package let rawValue: UInt8

    /// A level from a disk; nil for zero, which no record has.
    package init?(rawValue: UInt8) {
        guard rawValue != 0 else { return nil }
        self.rawValue = rawValue
    }

    /// A level given by a caller.
    package init(validating level: Int) throws {
        guard let rawValue = UInt8(exactly: level), rawValue != 0 else {
            throw CheckpointLogError.invalidLevel(level)
        }
        self.rawValue = rawValue
    }

    package static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }

    package var description: String { String(rawValue) }
}
