/// An opening of a log for writing. FORMAT.md, "Manifest".
///
/// A directory that is put back from a backup goes on with epochs, and so with numbers, that were given before. The
/// random word tells such openings apart: whoever knows an opening can ask whether what is there now comes after it.
package struct Opening: Sendable, Hashable {
    package var epoch: UInt32
    /// Random, and never zero.
    package var word: UInt64

    package init(epoch: UInt32, word: UInt64) {
        self.epoch = epoch
        self.word = word
    }

    /// What a manifest says of an opening that somebody has known.
    package enum Ancestry: Sendable {
        /// The log came to be as it is by way of that opening.
        case descends
        /// It is another history of the same log: a directory was put back, or a copy has gone on.
        case differs
        /// It was so many openings ago that the manifest does not name it any more.
        case unknown
    }
}
