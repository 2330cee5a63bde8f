/// The payload of a group frame: the keys of the members, in the order in which their frames precede it in its batch.
///
/// The members are the `count` frames before the group's, so the payload need not list their numbers: the first is the
/// group's own number minus `count`. FORMAT.md, "Groups".
package struct GroupMembers: Sendable, Equatable {
    /// The most members of a group.
    package static let limit = 65_536

    package var keys: [[UInt8]]

    package init(keys: [[UInt8]]) {
        self.keys = keys
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(variableLength: UInt64(keys.count))
        for key in keys {
            bytes.append(variableLength: UInt64(key.count))
            bytes.append(contentsOf: key)
        }
        return bytes
    }

    package init?(_ bytes: [UInt8]) {
        var cursor = ByteCursor(bytes)
        guard let count = cursor.variableLength(), count > 0, count <= UInt64(Self.limit) else { return nil }
        keys = []
        for _ in 0..<count {
            guard let byteCount = cursor.variableLength(), let key = cursor.slice(byteCount: byteCount), !key.isEmpty
            else {
                return nil
            }
            keys.append(Array(key))
        }
        guard cursor.isAtEnd else { return nil }
    }

    /// The number of the member at `index` of the group with the number `group`; nil if the group's number is too
    /// small.
    package func sequenceNumber(at index: Int, of group: SequenceNumber) -> SequenceNumber? {
        let back = UInt64(keys.count - index)
        guard group.rawValue & 0xFFFF_FFFF > back else { return nil }
        return SequenceNumber(rawValue: group.rawValue - back)
    }
}
