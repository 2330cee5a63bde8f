import CLevelDB
import Foundation

/// LevelDB with a write buffer of 64 MiB, a block cache of 256 MiB and a Bloom filter of 10 bits, as its documentation
/// advises.
final class LevelDBPeer: Peer, @unchecked Sendable {
    private let database: OpaquePointer
    private let writing: OpaquePointer
    private let reading: OpaquePointer

    init(_ directory: String, _ promise: Promise) throws {
        let options = leveldb_options_create()
        leveldb_options_set_create_if_missing(options, 1)
        leveldb_options_set_write_buffer_size(options, 64 << 20)
        leveldb_options_set_cache(options, leveldb_cache_create_lru(256 << 20))
        leveldb_options_set_filter_policy(options, leveldb_filterpolicy_create_bloom(10))
        leveldb_options_set_compression(options, Int32(leveldb_snappy_compression))
        var message: UnsafeMutablePointer<CChar>?
        let opened = leveldb_open(options, directory, &message)
        try Self.check(message)
        guard let opened, let writing = leveldb_writeoptions_create(), let reading = leveldb_readoptions_create() else {
            throw PeerFailure("LevelDB did not open.")
        }
        leveldb_writeoptions_set_sync(writing, promise == .synced ? 1 : 0)
        database = opened
        self.writing = writing
        self.reading = reading
    }

    func put(_ key: [UInt8], _ value: [UInt8]) throws {
        var message: UnsafeMutablePointer<CChar>?
        key.withUnsafeBytes { key in
            value.withUnsafeBytes { value in
                leveldb_put(
                    database, writing, key.assumingMemoryBound(to: CChar.self).baseAddress, key.count,
                    value.assumingMemoryBound(to: CChar.self).baseAddress, value.count, &message)
            }
        }
        try Self.check(message)
    }

    func get(_ key: [UInt8], into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        // LevelDB hands out memory that is the caller's already; a second copy would be unfair.
        try value(of: key).byteCount
    }

    func getFresh(_ key: [UInt8], byteCount: Int) throws -> FreshBytes { try value(of: key) }

    private func value(of key: [UInt8]) throws -> FreshBytes {
        var message: UnsafeMutablePointer<CChar>?
        var count = 0
        let found = key.withUnsafeBytes { key in
            leveldb_get(
                database, reading, key.assumingMemoryBound(to: CChar.self).baseAddress, key.count, &count, &message)
        }
        try Self.check(message)
        guard let found else { throw PeerFailure("LevelDB has no such key.") }
        return FreshBytes(byteCount: count) { leveldb_free(found) }
    }

    func close() { leveldb_close(database) }

    private static func check(_ message: UnsafeMutablePointer<CChar>?) throws {
        guard let message else { return }
        defer { leveldb_free(message) }
        throw PeerFailure("LevelDB: " + String(cString: message))
    }
}
