/// A store that is measured beside ours. It is given bytes that are encoded already.
protocol Peer: AnyObject, Sendable {
    /// Keeps `value` under `key`, in place of what was there; by the promise it was opened with.
    func put(_ key: [UInt8], _ value: [UInt8]) throws

    /// Reads the value of `key` into `buffer`, and gives its length.
    func get(_ key: [UInt8], into buffer: inout [UInt8]) throws -> Int

    func close()
}

/// What holds when a put has returned.
enum Promise: Sendable {
    /// The end of the process takes nothing.
    case written
    /// Power loss takes nothing.
    case synced
}

enum PeerKind: String, CaseIterable, Sendable {
    case lmdb
    case lmdbWriteMap = "lmdb-writemap"
    case rocksdb
    case leveldb
    case sqlite
    case json

    func open(_ directory: String, _ promise: Promise) throws -> any Peer {
        switch self {
        case .lmdb: try LMDBPeer(directory, promise)
        case .lmdbWriteMap: try LMDBPeer(directory, promise, usesWriteMap: true)
        case .rocksdb: try RocksDBPeer(directory, promise)
        case .leveldb: try LevelDBPeer(directory, promise)
        case .sqlite: try SQLitePeer(directory, promise)
        case .json: try JSONFilePeer(directory, promise)
        }
    }
}

struct PeerFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}
