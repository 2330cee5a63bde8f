/// Remembers for which keys compression was in vain, so that it is not tried each time. The state of a computation
/// stays alike: numbers that are noise stay noise.
///
/// After two attempts in vain, the next 2 values of the key are stored uncompressed; after one more attempt the next 4,
/// then 8, then 16 each time. An attempt that pays resets that. The counts are even, so that both kinds are tried if a
/// key's values alternate between noise and text. The history is only a hint: keys share a table of fixed size, and a
/// key that finds another key's entry starts again.
package final class CompressionHistory: Sendable {
    private struct Entry {
        /// Which of the keys that share this place the entry belongs to.
        var tag: UInt8 = 0
        /// Attempts in vain, one after the other.
        var failures: UInt8 = 0
        /// Values to store as they are until the next attempt.
        var skips: UInt8 = 0
    }

    /// To try a shorter value costs less than to look it up.
    package static let leastByteCount = 4 << 10

    private static let placeCount = 1_024
    private static let mostSkips: UInt8 = 16

    private let entries = Lock([Entry](repeating: Entry(), count: placeCount))

    package init() {}

    /// Where a key's entry stands.
    package struct Place {
        fileprivate var index: Int
        fileprivate var tag: UInt8

        package init(of key: UnsafeRawBufferPointer) {
            let hash = unsafe Checksum.extend(0, key)
            index = Int(hash) % CompressionHistory.placeCount
            tag = UInt8(truncatingIfNeeded: hash >> 24)
        }
    }

    /// Whether to compress the next value of a key; each answer of no counts.
    package func isWorthTrying(_ place: Place) -> Bool {
        entries.withLock { entries in
            guard entries[place.index].tag == place.tag, entries[place.index].skips > 0 else { return true }
            entries[place.index].skips -= 1
            return false
        }
    }

    /// Notes the result of an attempt.
    package func note(_ place: Place, wasInVain: Bool) {
        entries.withLock { entries in
            guard wasInVain else {
                if entries[place.index].tag == place.tag { entries[place.index] = Entry(tag: place.tag) }
                return
            }
            var entry = entries[place.index]
            if entry.tag != place.tag { entry = Entry(tag: place.tag) }
            entry.failures = min(entry.failures + 1, 5)
            entry.skips = entry.failures < 2 ? 0 : min(1 << (entry.failures - 1), Self.mostSkips)
            entries[place.index] = entry
        }
    }
}
