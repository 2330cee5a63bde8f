/// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; the wide
/// output follows the authors' reference code). It has a secret key, so that nobody outside can find keys that collide.
package struct SipHash128 {
    private var v0: UInt64, v1: UInt64, v2: UInt64, v3: UInt64
    private var tail: UInt64 = 0
    private var byteCount: UInt64 = 0

    package init(key: HashSecret) {
        v0 = key.first ^ 0x736F_6D65_7073_6575
        v1 = key.second ^ 0x646F_7261_6E64_6F6D ^ 0xEE
        v2 = key.first ^ 0x6C79_6765_6E65_7261
        v3 = key.second ^ 0x7465_6462_7974_6573
    }

    @inline(__always)
    private mutating func round() {
        v0 &+= v1
        v1 = v1 << 13 | v1 >> 51
        v1 ^= v0
        v0 = v0 << 32 | v0 >> 32
        v2 &+= v3
        v3 = v3 << 16 | v3 >> 48
        v3 ^= v2
        v0 &+= v3
        v3 = v3 << 21 | v3 >> 43
        v3 ^= v0
        v2 &+= v1
        v1 = v1 << 17 | v1 >> 47
        v1 ^= v2
        v2 = v2 << 32 | v2 >> 32
    }

    @inline(__always)
    private mutating func absorb(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    /// The first four bytes, lowest first.
    @inline(__always)
    package init(key: HashSecret, beginning bytes: UInt32) {
        self.init(key: key)
        tail = UInt64(bytes)
        byteCount = 4
    }

    @inline(__always)
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        // Each word is put together from the bytes left over and the first ones of the next eight.
        let waiting = 8 * (byteCount & 7)
        var offset = 0
        while offset + 8 <= bytes.count {
            let word = bytes.integer(UInt64.self, at: offset)
            absorb(tail | word << waiting)
            // A shift by 64 gives zero in Swift.
            tail = word >> (64 - waiting)
            offset += 8
        }
        byteCount += UInt64(bytes.count)
        let rest = UInt64(bytes.count - offset) * 8
        if rest == 0 { return }
        var word: UInt64 = 0
        for shift in stride(from: 0, to: rest, by: 8) {
            word |= unsafe UInt64(bytes[offset]) << shift
            offset += 1
        }
        tail |= word << waiting
        if waiting + rest >= 64 {
            absorb(tail)
            tail = word >> (64 - waiting)
        }
    }

    @inline(__always)
    package mutating func finish() -> (UInt64, UInt64) {
        absorb(tail | byteCount << 56)
        v2 ^= 0xEE
        for _ in 0..<4 { round() }
        let first = v0 ^ v1 ^ v2 ^ v3
        v1 ^= 0xDD
        for _ in 0..<4 { round() }
        return (first, v0 ^ v1 ^ v2 ^ v3)
    }
}

/// What the index stores for a (level, origin, key): 120 bits of hash, and the level in the lowest eight.
package struct KeyHash: Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Either half is already a good hash.
    package func hash(into hasher: inout Hasher) { hasher.combine(high) }

    /// What a hash is of. Each kind of name has a space of its own, so equal names of two kinds do not collide.
    package enum Space: UInt8, Sendable {
        case key = 0
        case group = 1
        case mark = 2
        case labels = 3

        package init(of kind: RecordKind) {
            switch kind {
            case .group, .groupRemoval: self = .group
            case .mark: self = .mark
            case .labels: self = .labels
            default: self = .key
            }
        }
    }

    /// Hashes level, origin and key. The origin's length is part of it, so that no two pairs of origin and key give the
    /// same bytes.
    package init(
        _ hashSecret: HashSecret, level: UInt8, origin: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer,
        space: Space = .key
    ) {
        let originByteCount = UInt32(UInt16(truncatingIfNeeded: origin.count))
        var hash = SipHash128(
            key: hashSecret, beginning: UInt32(level) | UInt32(space.rawValue) << 8 | originByteCount << 16)
        if origin.count > 0 { unsafe hash.update(origin) }
        unsafe hash.update(key)
        let (first, second) = hash.finish()
        high = first
        low = second & ~0xFF | UInt64(level)
    }

    package var level: UInt8 { UInt8(truncatingIfNeeded: low) }

    package var shard: Int { Int(truncatingIfNeeded: high >> 58) }
}
