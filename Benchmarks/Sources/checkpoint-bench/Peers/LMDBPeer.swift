import CLMDB
import Foundation

/// LMDB. For the written promise `MDB_NOSYNC`; for the synced one its default, which syncs each transaction. With `MDB_WRITEMAP` as well it is
/// faster still: that is printed and not counted, because a power cut may then leave a store that does not open, where ours keeps
/// what was synced.
final class LMDBPeer: Peer, @unchecked Sendable {
    private var environment: OpaquePointer?
    private var database: MDB_dbi = 0

    init(_ directory: String, _ promise: Promise, usesWriteMap: Bool = false) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try Self.check(mdb_env_create(&environment))
        try Self.check(mdb_env_set_mapsize(environment, 8 << 30))
        let flags = promise == .written ? UInt32(usesWriteMap ? MDB_NOSYNC | MDB_WRITEMAP : MDB_NOSYNC) : 0
        try Self.check(mdb_env_open(environment, directory, flags | UInt32(MDB_NOTLS), 0o600))
        var transaction: OpaquePointer?
        try Self.check(mdb_txn_begin(environment, nil, 0, &transaction))
        try Self.check(mdb_dbi_open(transaction, nil, 0, &database))
        try Self.check(mdb_txn_commit(transaction))
    }

    func put(_ key: [UInt8], _ value: [UInt8]) throws {
        var transaction: OpaquePointer?
        try Self.check(mdb_txn_begin(environment, nil, 0, &transaction))
        let code = key.withUnsafeBytes { key in
            value.withUnsafeBytes { value in
                var keyData = MDB_val(mv_size: key.count, mv_data: UnsafeMutableRawPointer(mutating: key.baseAddress))
                var valueData = MDB_val(mv_size: value.count, mv_data: UnsafeMutableRawPointer(mutating: value.baseAddress))
                return mdb_put(transaction, database, &keyData, &valueData, 0)
            }
        }
        guard code == 0 else {
            mdb_txn_abort(transaction)
            return try Self.check(code)
        }
        try Self.check(mdb_txn_commit(transaction))
    }

    func get(_ key: [UInt8], into buffer: inout [UInt8]) throws -> Int {
        var transaction: OpaquePointer?
        try Self.check(mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &transaction))
        defer { mdb_txn_abort(transaction) }
        var valueData = MDB_val()
        let code = key.withUnsafeBytes { key in
            var keyData = MDB_val(mv_size: key.count, mv_data: UnsafeMutableRawPointer(mutating: key.baseAddress))
            return mdb_get(transaction, database, &keyData, &valueData)
        }
        try Self.check(code)
        let count = valueData.mv_size
        buffer.withUnsafeMutableBytes { $0.baseAddress?.copyMemory(from: valueData.mv_data, byteCount: count) }
        return count
    }

    func close() {
        mdb_env_close(environment)
        environment = nil
    }

    private static func check(_ code: Int32) throws {
        guard code == 0 else { throw PeerFailure("LMDB: " + String(cString: mdb_strerror(code))) }
    }
}
