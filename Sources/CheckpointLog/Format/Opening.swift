/// An opening of a log for writing. FORMAT.md, "Manifest".
///
/// When a directory is put back from a backup, its next writer uses epochs, and so numbers, that were used before. The
/// random word distinguishes such openings: whoever knows an opening can ask whether the log still descends from it.
package struct Opening: Sendable, Hashable {
    package var epoch: UInt32
    /// Random, and never zero.
    package var word: UInt64

    package init(epoch: UInt32, word: UInt64) {
        self.epoch = epoch
        self.word = word
    }

    /// What a manifest tells about an opening that somebody remembers.
    package enum Ancestry: Sendable {
        /// The log descends from that opening.
        case descends
        /// The log has another history: somebody put a directory back, or a copy was written to.
        case differs
        /// The opening is so old that the manifest no longer names it.
        case unknown
    }
}
