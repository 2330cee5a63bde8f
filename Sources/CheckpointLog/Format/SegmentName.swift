/// What a segment is for. The extension of its file says the same.
package enum SegmentRole: UInt8, Sendable, CaseIterable {
    /// Frames in the order in which they were appended.
    case log = 1
    /// Live frames that compaction copied, or a large batch.
    case output = 2
    /// One large value.
    case value = 3

    package var fileExtension: String {
        switch self {
        case .log: "log"
        case .output: "out"
        case .value: "val"
        }
    }
}

/// The name of a segment's file: its number in eight hexadecimal digits, a dot, and the extension of its role.
package struct SegmentName: Hashable, Sendable, CustomStringConvertible {
    /// The first of the numbers that only copies use which somebody other than the writer made. No writer gives these
    /// numbers to its own segments.
    package static let firstOfCopies = SegmentNumber(1 << 31)

    /// An opening for writing refuses a first number at or above this one, so that the numbers it takes stay below
    /// ``firstOfCopies``.
    package static let numberLimit = SegmentNumber(firstOfCopies.rawValue - (1 << 24))

    package var identifier: SegmentNumber
    package var role: SegmentRole

    package init(_ identifier: SegmentNumber, _ role: SegmentRole) {
        self.identifier = identifier
        self.role = role
    }

    /// Reads a name strictly. A file with a name that the engine would not write is a foreign file.
    package init?(fileName: String) {
        let parts = fileName.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].count == 8,
            parts[0].allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }),
            let identifier = UInt32(String(decoding: parts[0], as: UTF8.self), radix: 16), identifier > 0,
            let role = SegmentRole.allCases.first(where: { $0.fileExtension.utf8.elementsEqual(parts[1]) })
        else { return nil }
        self.init(SegmentNumber(identifier), role)
    }

    package var fileName: String {
        let digits = String(identifier.rawValue, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits + "." + role.fileExtension
    }

    package var description: String { fileName }
}

/// The names of a log's other files.
package enum FileName {
    package static let lock = "LOCK"
    package static let manifest = "MANIFEST"
    package static let position = "POSITION"
    package static let snapshot = "SNAPSHOT"
    package static let reserve = "RESERVE"
    package static let quarantine = "quarantine"
    /// The suffix of a file that is not complete yet.
    package static let temporarySuffix = Replacement.temporarySuffix

    /// Whether the engine writes files of this name.
    package static func isKnown(_ name: String) -> Bool {
        if [lock, manifest, position, snapshot, reserve, quarantine].contains(name) { return true }
        let stem = name.hasSuffix(temporarySuffix) ? String(name.dropLast(temporarySuffix.utf8.count)) : name
        return [manifest, position, snapshot].contains(stem) || SegmentName(fileName: stem) != nil
    }
}

extension OpenDirectory {
    package func openFile(_ segment: SegmentName, _ mode: OpenMode) throws(FileSystemError) -> any OpenFile {
        try openFile(segment.fileName, mode)
    }

    package func remove(_ segment: SegmentName) throws(FileSystemError) { try remove(segment.fileName) }
}

extension ByteCursor {
    /// A segment's number in four bytes; nil if there are fewer.
    mutating func segmentNumber() -> SegmentNumber? { integer(UInt32.self).map { SegmentNumber($0) } }
}
