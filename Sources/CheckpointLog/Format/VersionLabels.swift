/// The payload of a frame with the pins and tags of its key's versions. It lists all of them, so only the newest such
/// frame of a key counts. FORMAT.md, "Labels".
package struct VersionLabels: Sendable, Hashable {
    /// The most labels of a key.
    package static let limit = 4_096
    /// The longest name of a version, in bytes.
    package static let nameByteLimit = 255

    /// One version and its tag; the tag is empty for a pin.
    package struct Entry: Sendable, Hashable, Comparable {
        package var number: SequenceNumber
        package var name: String

        package init(_ number: SequenceNumber, name: String = "") {
            self.number = number
            self.name = name
        }

        package static func < (left: Entry, right: Entry) -> Bool {
            left.number == right.number
                ? left.name.utf8.lexicographicallyPrecedes(right.name.utf8) : left.number < right.number
        }
    }

    /// Sorted by number, then by the bytes of the name.
    package private(set) var entries: [Entry] = []

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }

    package var numbers: Set<SequenceNumber> { Set(entries.map(\.number)) }

    /// The version with this tag.
    package func number(of name: String) -> SequenceNumber? { entries.first { $0.name == name }?.number }

    /// Adds a tag, which moves if another version has it, or a pin.
    package mutating func insert(_ entry: Entry) {
        entries.removeAll { $0 == entry || (!entry.name.isEmpty && $0.name == entry.name) }
        entries.insert(entry, at: entries.firstIndex { entry < $0 } ?? entries.count)
    }

    package mutating func removeAll(where condition: (Entry) -> Bool) { entries.removeAll(where: condition) }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(variableLength: UInt64(entries.count))
        for entry in entries {
            bytes.append(littleEndian: entry.number.rawValue)
            bytes.append(variableLength: UInt64(entry.name.utf8.count))
            bytes.append(contentsOf: entry.name.utf8)
        }
        return bytes
    }

    package init?(_ bytes: [UInt8]) {
        var cursor = ByteCursor(bytes)
        guard let count = cursor.variableLength(), count <= UInt64(Self.limit) else { return nil }
        var names: Set<String> = []
        for _ in 0..<count {
            guard let number = cursor.integer(UInt64.self), number > 0, number <= SequenceNumber.greatest.rawValue,
                let byteCount = cursor.variableLength(), byteCount <= UInt64(Self.nameByteLimit),
                let name = cursor.slice(byteCount: byteCount).flatMap({ String(validating: $0, as: UTF8.self) })
            else { return nil }
            let entry = Entry(SequenceNumber(rawValue: number), name: name)
            // Entries must be sorted, without duplicates.
            if let last = entries.last, last >= entry { return nil }
            if !name.isEmpty, !names.insert(name).inserted { return nil }
            entries.append(entry)
        }
        guard cursor.isAtEnd else { return nil }
    }
}
