/// How the bytes of one record are to be stored, before they have a place.
package struct RecordAttributes: Sendable {
    package var level: Level
    package var policy: StoragePolicy
    package var flags: FrameHeader.Flags
    package var origin: Origin {
        get { details?.origin ?? .own }
        set { details = Details(origin: newValue, metadata: metadata) }
    }
    /// What is said of the version beside its value, encoded; empty for nothing.
    package var metadata: [UInt8] {
        get { details?.metadata ?? [] }
        set { details = Details(origin: origin, metadata: newValue) }
    }
    /// The bytes of the origin, valid as long as these attributes are. A closure that gets them would cost a retain and
    /// a release of all that it names.
    @inline(__always)
    package var originBytes: UnsafeRawBufferPointer { unsafe details?.originBytes ?? .empty }
    /// The bytes of the metadata, valid as long as these attributes are.
    @inline(__always)
    package var metadataBytes: UnsafeRawBufferPointer { unsafe details?.metadataBytes ?? .empty }
    /// Most records have none of these. The attributes are copied at every call that captures them, and two arrays
    /// would be retained each time.
    private var details: Details?
    /// A value, or a mark.
    package var kind = RecordKind.value
    /// The number of a record that was taken before it is appended; nil when it gets one with its place.
    package var taken: TakenNumber?
    /// Which version of its key it is; 0 at a level that counts none.
    package var ordinal: UInt32 = 0

    package init(level: Level, policy: StoragePolicy, flags: FrameHeader.Flags) {
        self.level = level
        self.policy = policy
        self.flags = flags
    }

    package init(level: Level, policy: LevelPolicy, flags: FrameHeader.Flags) {
        self.init(level: level, policy: StoragePolicy(policy), flags: flags)
    }

    /// - Throws: `.invalidArgument` if no record can have this origin.
    @inline(__always)
    package func requirePossibleOrigin() throws { if details != nil { try origin.requirePossible() } }

    package func adding(_ flags: FrameHeader.Flags) -> RecordAttributes {
        var copy = self
        copy.flags.formUnion(flags)
        return copy
    }

    /// `@unchecked Sendable`: nothing changes the memory after it was filled.
    @safe private final class Details: @unchecked Sendable {
        let origin: Origin
        let metadata: [UInt8]
        /// The bytes of both, one after the other.
        private let bytes: UnsafeMutableRawBufferPointer

        init(origin: Origin, metadata: [UInt8]) {
            self.origin = origin
            self.metadata = metadata
            unsafe bytes = .allocate(byteCount: origin.bytes.count + metadata.count, alignment: 1)
            unsafe bytes.copyBytes(from: origin.bytes + metadata)
        }

        deinit { unsafe bytes.deallocate() }

        var originBytes: UnsafeRawBufferPointer {
            unsafe UnsafeRawBufferPointer(rebasing: bytes[..<origin.bytes.count])
        }

        var metadataBytes: UnsafeRawBufferPointer {
            unsafe UnsafeRawBufferPointer(rebasing: bytes[origin.bytes.count...])
        }
    }
}

/// One record of a batch, before it has a place.
package struct BatchMember: Sendable {
    package var key: CheckpointKey
    package var attributes: RecordAttributes
    package var bytes: [UInt8]

    package init(key: CheckpointKey, attributes: RecordAttributes, bytes: [UInt8]) {
        self.key = key
        self.attributes = attributes
        self.bytes = bytes
    }
}

extension FrameHeader {
    /// Makes the frame a late one of `taken`; nothing when there is none.
    package mutating func setTaken(_ taken: TakenNumber?) {
        guard let taken else { return }
        sequenceNumber = taken.sequenceNumber
        timestamp = taken.timestamp
        flags.insert(.late)
    }
}
