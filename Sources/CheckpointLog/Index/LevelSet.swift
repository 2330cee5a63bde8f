import Synchronization

/// A set of levels that only grows. Neither call takes a lock.
package final class LevelSet: Sendable {
    private let low = Atomic<UInt64>(0)
    private let middle = Atomic<UInt64>(0)
    private let upper = Atomic<UInt64>(0)
    private let high = Atomic<UInt64>(0)

    package init() {}

    @inline(__always)
    package func insert(_ level: UInt8) {
        let bit = UInt64(1) << UInt64(level & 63)
        switch level >> 6 {
        case 0: Self.set(bit, in: low)
        case 1: Self.set(bit, in: middle)
        case 2: Self.set(bit, in: upper)
        default: Self.set(bit, in: high)
        }
    }

    @inline(__always)
    package func contains(_ level: UInt8) -> Bool {
        let word =
            switch level >> 6 {
            case 0: low.load(ordering: .acquiring)
            case 1: middle.load(ordering: .acquiring)
            case 2: upper.load(ordering: .acquiring)
            default: high.load(ordering: .acquiring)
            }
        return word & UInt64(1) << UInt64(level & 63) != 0
    }

    @inline(__always)
    private static func set(_ bit: UInt64, in word: borrowing Atomic<UInt64>) {
        // A plain load comes first: except for the first record of a level, the bit is set already.
        guard word.load(ordering: .relaxed) & bit == 0 else { return }
        word.bitwiseOr(bit, ordering: .releasing)
    }

    /// The levels, ascending.
    package var members: [UInt8] {
        let words = [
            low.load(ordering: .acquiring), middle.load(ordering: .acquiring), upper.load(ordering: .acquiring),
            high.load(ordering: .acquiring),
        ]
        var members: [UInt8] = []
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                members.append(UInt8(index * 64 + rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
        return members
    }
}
