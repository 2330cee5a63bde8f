/// The path by which a record came up the tree of checkpointing actors: names from the top, separated by slashes. Empty
/// for an actor's own records.
package struct Origin: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The greatest length, in bytes of UTF-8.
    package static let byteLimit = 1_024

    package static var own: Origin { Origin(bytes: []) }

    package let bytes: [UInt8]

    package init(bytes: [UInt8]) { self.bytes = bytes }

    package init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = Array(bytes) }

    /// An origin given by a caller, as `C4/C1`.
    package init(_ name: String) { bytes = Array(name.utf8) }

    /// The same origin, seen by the parent that knows the actor as `child`.
    package func under(_ child: String) -> Origin {
        bytes.isEmpty ? Origin(child) : Origin(bytes: Array(child.utf8) + [UInt8(ascii: "/")] + bytes)
    }

    /// - Throws: `.invalidArgument` if no record can have this origin.
    package func requirePossible() throws {
        guard bytes.count <= Self.byteLimit else {
            throw CheckpointLogError.overLimit("The origin", byteCount: bytes.count, limit: Self.byteLimit)
        }
    }

    /// The form that callers see: nil for an actor's own records.
    package var name: String? { isOwn ? nil : description }

    package var isOwn: Bool { bytes.isEmpty }

    package static func < (left: Origin, right: Origin) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }

    package var description: String { String(decoding: bytes, as: UTF8.self) }
}
