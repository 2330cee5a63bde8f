import CRocksDB
import Foundation

/// RocksDB with LZ4 and what its guide "Setup Options and Basic Tuning" advises: dynamic level sizes, background jobs,
/// blocks of 16 KiB, index and filter blocks in a cache of 256 MiB, a Bloom filter of 10 bits, steady writeback; logs
/// are used again, so that a sync changes no file's length. Large values go to blob files.
final class RocksDBPeer: Peer, @unchecked Sendable {
    private let database: OpaquePointer
    private let writing: OpaquePointer
    private let reading: OpaquePointer
    private let snapshotReading: OpaquePointer

    init(_ directory: String, _ promise: Promise, keepsLargeValues: Bool) throws {
        let options = rocksdb_options_create()
        rocksdb_options_set_create_if_missing(options, 1)
        rocksdb_options_increase_parallelism(options, 2)
        rocksdb_options_set_max_background_jobs(options, 6)
        rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1)
        rocksdb_options_set_bytes_per_sync(options, 1 << 20)
        rocksdb_options_set_write_buffer_size(options, 64 << 20)
        rocksdb_options_set_compression(options, Int32(rocksdb_lz4_compression))
        rocksdb_options_set_recycle_log_file_num(options, 4)
        if keepsLargeValues {
            rocksdb_options_set_enable_blob_files(options, 1)
            rocksdb_options_set_min_blob_size(options, 1 << 20)
            rocksdb_options_set_enable_blob_gc(options, 1)
            rocksdb_options_set_blob_compression_type(options, Int32(rocksdb_lz4_compression))
        }
        let table = rocksdb_block_based_options_create()
        rocksdb_block_based_options_set_block_cache(table, rocksdb_cache_create_lru(256 << 20))
        rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom(10))
        rocksdb_block_based_options_set_block_size(table, 16 << 10)
        rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1)
        rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1)
        rocksdb_block_based_options_set_format_version(table, 5)
        rocksdb_options_set_block_based_table_factory(options, table)
        var message: UnsafeMutablePointer<CChar>?
        let opened = rocksdb_open(options, directory, &message)
        try Self.check(message)
        guard let opened, let writing = rocksdb_writeoptions_create(), let reading = rocksdb_readoptions_create(),
            let snapshotReading = rocksdb_readoptions_create()
        else { throw PeerFailure("RocksDB did not open.") }
        rocksdb_writeoptions_set_sync(writing, promise == .synced ? 1 : 0)
        database = opened
        self.writing = writing
        self.reading = reading
        self.snapshotReading = snapshotReading
    }

    func put(_ key: [UInt8], _ value: [UInt8]) throws {
        var message: UnsafeMutablePointer<CChar>?
        key.withUnsafeBytes { key in
            value.withUnsafeBytes { value in
                rocksdb_put(
                    database, writing, key.assumingMemoryBound(to: CChar.self).baseAddress, key.count,
                    value.assumingMemoryBound(to: CChar.self).baseAddress, value.count, &message)
            }
        }
        try Self.check(message)
    }

    func get(_ key: [UInt8], into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try get(key, reading, into: buffer)
    }

    func withSnapshot(_ body: (_ get: SnapshotGet) throws -> Void) throws {
        let snapshot = rocksdb_create_snapshot(database)
        rocksdb_readoptions_set_snapshot(snapshotReading, snapshot)
        defer {
            rocksdb_readoptions_set_snapshot(snapshotReading, nil)
            rocksdb_release_snapshot(database, snapshot)
        }
        try body { try self.get($0, snapshotReading, into: $1) }
    }

    private func get(
        _ key: [UInt8], _ reading: OpaquePointer, into buffer: UnsafeMutableRawBufferPointer
    ) throws -> Int {
        var message: UnsafeMutablePointer<CChar>?
        let found = key.withUnsafeBytes { key in
            rocksdb_get_pinned(
                database, reading, key.assumingMemoryBound(to: CChar.self).baseAddress, key.count, &message)
        }
        try Self.check(message)
        guard let found else { throw PeerFailure("RocksDB has no such key.") }
        defer { rocksdb_pinnableslice_destroy(found) }
        var count = 0
        guard let bytes = rocksdb_pinnableslice_value(found, &count) else {
            throw PeerFailure("RocksDB gave no value.")
        }
        guard count <= buffer.count else { throw PeerFailure("RocksDB: the value is too long.") }
        buffer.baseAddress?.copyMemory(from: bytes, byteCount: count)
        return count
    }

    func close() { rocksdb_close(database) }

    private static func check(_ message: UnsafeMutablePointer<CChar>?) throws {
        guard let message else { return }
        defer { rocksdb_free(message) }
        throw PeerFailure("RocksDB: " + String(cString: message))
    }
}
