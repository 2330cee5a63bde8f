/// Small frames that were read more than once, in memory: a system call for one costs more than its check.
///
/// A location always has the same bytes, so nothing here gets outdated. Each location has one slot. It takes the slot
/// when it is asked for twice, with no other location of that slot in between; so a pass over all keys changes nothing
/// here. The reader checks a frame from here at each read, as it does one from a file.
package final class FrameCache: Sendable {
    /// The longest frame that is held, in bytes.
    package static let frameByteLimit = 1_024
    /// The most bytes of frames that are held.
    package static let byteLimit = shardCount * shardByteLimit

    private static let shardBits = 4
    private static let slotBits = 11
    private static let shardCount = 1 << shardBits
    private static let shardByteLimit = 512 << 10

    private struct Slot {
        /// The frame's location; 0 for an empty place.
        var location: UInt64 = 0
        var bytes: [UInt8] = []
        /// The last other location that was asked for and belongs to this slot.
        var candidate: UInt64 = 0
    }

    private struct Shard {
        /// Made at the first read, since most logs restore little.
        var slots: [Slot] = []
        var byteCount = 0
        /// The slot to evict next.
        var hand = 0

        mutating func drop(_ index: Int) {
            byteCount -= slots[index].bytes.count
            slots[index].location = 0
            slots[index].bytes = []
        }
    }

    package enum Answer {
        case held([UInt8])
        /// The frame is not here, and the caller is to insert it after it has read it.
        case wanted
        case absent
    }

    private let shards = (0..<shardCount).map { _ in Lock(Shard()) }

    package init() {}

    package var byteCount: Int { shards.reduce(0) { sum, shard in sum + shard.withLock { $0.byteCount } } }

    /// The frame at `location`, if the cache has it.
    ///
    /// - Complexity: O(1), under a lock.
    package func frame(at location: FrameLocation) -> Answer {
        guard location.byteCountBound <= Self.frameByteLimit else { return .absent }
        let (shard, index) = Self.place(of: location)
        return unsafe Unmanaged.passUnretained(shards[shard])._withUnsafeGuaranteedRef { lock in
            lock.withLock { shard in
                if shard.slots.isEmpty { shard.slots = [Slot](repeating: Slot(), count: 1 << Self.slotBits) }
                if shard.slots[index].location == location.bits { return .held(shard.slots[index].bytes) }
                if shard.slots[index].candidate == location.bits { return .wanted }
                shard.slots[index].candidate = location.bits
                return .absent
            }
        }
    }

    /// Inserts a frame that was wanted, after it was checked.
    package func insert(_ frame: UnsafeRawBufferPointer, at location: FrameLocation) {
        guard frame.count <= Self.frameByteLimit else { return }
        let bytes = unsafe [UInt8](frame)
        let (shard, index) = Self.place(of: location)
        shards[shard].withLock { shard in
            guard !shard.slots.isEmpty else { return }
            shard.drop(index)
            while shard.byteCount + bytes.count > Self.shardByteLimit {
                shard.drop(shard.hand)
                shard.hand = (shard.hand + 1) % shard.slots.count
            }
            shard.slots[index].location = location.bits
            shard.slots[index].bytes = bytes
            shard.slots[index].candidate = 0
            shard.byteCount += bytes.count
        }
    }

    private static func place(of location: FrameLocation) -> (shard: Int, slot: Int) {
        let hash = location.bits &* 0x9E37_79B9_7F4A_7C15
        return (
            Int(truncatingIfNeeded: hash >> UInt64(64 - shardBits)),
            Int(truncatingIfNeeded: hash >> UInt64(64 - shardBits - slotBits)) & (1 << slotBits - 1)
        )
    }
}
