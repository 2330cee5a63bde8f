import CLMDB
import Foundation

/// LMDB 0.9. For the written promise `MDB_NOSYNC`; for the synced one its default, which syncs each transaction.
///
/// With `MDB_WRITEMAP` as well it is faster still. Synced, its promise is the same, and it counts; unsynced, its
/// documentation says that a crash of the system may leave a store that does not open, where ours keeps what was
/// synced: printed, not counted.
final class LMDBPeer: Peer, @unchecked Sendable {
    private static let mapByteCount = 32 << 30

    private var environment: OpaquePointer?
    private var database: MDB_dbi = 0
    // One transaction for reading, reset and renewed for each read, as the documentation advises. Reads come from one
    // task.
    private var reading: OpaquePointer?

    init(_ directory: String, _ promise: Promise, usesWriteMap: Bool = false) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try Self.check(mdb_env_create(&environment))
        try Self.check(mdb_env_set_mapsize(environment, Self.mapByteCount))
        var flags = UInt32(MDB_NOTLS)
        if promise == .written { flags |= UInt32(MDB_NOSYNC) }
        if usesWriteMap { flags |= UInt32(MDB_WRITEMAP) }
        try Self.check(mdb_env_open(environment, directory, flags, 0o600))
        var transaction: OpaquePointer?
        try Self.check(mdb_txn_begin(environment, nil, 0, &transaction))
        try Self.check(mdb_dbi_open(transaction, nil, 0, &database))
        try Self.check(mdb_txn_commit(transaction))
    }

    func put(_ key: [UInt8], _ value: [UInt8]) throws {
        try write { try put(key, value, in: $0) }
    }

    func load(count: Int, _ pair: (Int) -> (key: [UInt8], value: [UInt8])) throws {
        for start in stride(from: 0, to: count, by: 100_000) {
            try write { transaction in
                for number in start..<min(start + 100_000, count) {
                    let (key, value) = pair(number)
                    try put(key, value, in: transaction)
                }
            }
        }
    }

    func get(_ key: [UInt8], into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try beginReading()
        defer { mdb_txn_reset(reading) }
        return try found(key, into: buffer)
    }

    /// A transaction for reading is a snapshot.
    func withSnapshot(_ body: (_ get: SnapshotGet) throws -> Void) throws {
        try beginReading()
        defer { mdb_txn_reset(reading) }
        try body { try self.found($0, into: $1) }
    }

    private func beginReading() throws {
        if reading == nil {
            try Self.check(mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &reading))
        } else {
            try Self.check(mdb_txn_renew(reading))
        }
    }

    private func found(_ key: [UInt8], into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        var value = MDB_val()
        let code = key.withUnsafeBytes { key in
            var key = MDB_val(mv_size: key.count, mv_data: UnsafeMutableRawPointer(mutating: key.baseAddress))
            return mdb_get(reading, database, &key, &value)
        }
        try Self.check(code)
        guard value.mv_size <= buffer.count else { throw PeerFailure("LMDB: the value is too long.") }
        buffer.baseAddress?.copyMemory(from: value.mv_data, byteCount: value.mv_size)
        return value.mv_size
    }

    func close() {
        if let reading { mdb_txn_abort(reading) }
        mdb_env_close(environment)
        environment = nil
    }

    private func write(_ body: (OpaquePointer?) throws -> Void) throws {
        var transaction: OpaquePointer?
        try Self.check(mdb_txn_begin(environment, nil, 0, &transaction))
        do {
            try body(transaction)
        } catch {
            mdb_txn_abort(transaction)
            throw error
        }
        try Self.check(mdb_txn_commit(transaction))
    }

    private func put(_ key: [UInt8], _ value: [UInt8], in transaction: OpaquePointer?) throws {
        let code = key.withUnsafeBytes { key in
            value.withUnsafeBytes { value in
                var key = MDB_val(mv_size: key.count, mv_data: UnsafeMutableRawPointer(mutating: key.baseAddress))
                var value = MDB_val(mv_size: value.count, mv_data: UnsafeMutableRawPointer(mutating: value.baseAddress))
                return mdb_put(transaction, database, &key, &value, 0)
            }
        }
        try Self.check(code)
    }

    private static func check(_ code: Int32) throws {
        guard code == 0 else { throw PeerFailure("LMDB: " + String(cString: mdb_strerror(code))) }
    }
}
