/// The tables of the index in a snapshot, until they are read.
///
/// An opening reads them last. It knows by then how many keys it has to add to each, so a table is read, made as large
/// as it needs to be, and filled, while it is in the cache.
package struct StoredTables: Sendable {
    package enum Fault: Error {
        /// A device failed.
        case disk(FileSystemError)
        /// A table is not what was written. The snapshot cannot be used.
        case content
    }

    /// In all tables.
    let slotCount: Int
    /// Reads the table of a shard. `room` is the number of keys that are expected to follow.
    let table: @Sendable (_ shard: Int, _ room: Int, inout IndexShard.Scratch) throws(Fault) -> IndexShard
}
