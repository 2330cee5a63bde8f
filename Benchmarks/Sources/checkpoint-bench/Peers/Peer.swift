/// A store that is measured beside ours. It is given bytes that are encoded already.
protocol Peer: AnyObject, Sendable {
    /// Keeps `value` under `key`, in place of what was there; by the promise it was opened with.
    func put(_ key: [UInt8], _ value: [UInt8]) throws

    /// Keeps `count` pairs, by whatever way is fastest: never timed.
    func load(count: Int, _ pair: (Int) -> (key: [UInt8], value: [UInt8])) throws

    /// Brings the value of `key` into memory of the caller, and gives its length: into `buffer`, or into memory of its
    /// own where the store always makes that.
    func get(_ key: [UInt8], into buffer: UnsafeMutableRawBufferPointer) throws -> Int

    /// Brings the value of `key`, whose length is known, into memory that nothing else has.
    func getFresh(_ key: [UInt8], byteCount: Int) throws -> FreshBytes

    /// Calls `body` with a ``get(_:into:)`` that sees the store as it was before the call, whatever is put meanwhile.
    func withSnapshot(_ body: (_ get: SnapshotGet) throws -> Void) throws

    func close()
}

typealias SnapshotGet = (_ key: [UInt8], _ buffer: UnsafeMutableRawBufferPointer) throws -> Int

extension Peer {
    func withSnapshot(_ body: (_ get: SnapshotGet) throws -> Void) throws {
        throw PeerFailure("The store is not measured with snapshots.")
    }

    func load(count: Int, _ pair: (Int) -> (key: [UInt8], value: [UInt8])) throws {
        for number in 0..<count {
            let (key, value) = pair(number)
            try put(key, value)
        }
    }

    func getFresh(_ key: [UInt8], byteCount: Int) throws -> FreshBytes {
        try FreshBytes(byteCount: byteCount) { try get(key, into: $0) }
    }
}

/// Memory that was allocated for one value; given back when the last reference goes.
final class FreshBytes {
    let byteCount: Int
    private let release: () -> Void

    /// Takes over memory that a store made.
    init(byteCount: Int, release: @escaping () -> Void) {
        self.byteCount = byteCount
        self.release = release
    }

    /// Allocates memory that `fill` fills, and tells how far.
    convenience init(byteCount: Int, fill: (UnsafeMutableRawBufferPointer) throws -> Int) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 16)
        self.init(byteCount: try fill(buffer)) { buffer.deallocate() }
    }

    deinit { release() }
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

    /// - Parameter byteCount: the bytes of the largest value; stores with settings for large ones get these.
    func open(_ directory: String, _ promise: Promise, byteCount: Int = 0) throws -> any Peer {
        switch self {
        case .lmdb: try LMDBPeer(directory, promise)
        case .lmdbWriteMap: try LMDBPeer(directory, promise, usesWriteMap: true)
        case .rocksdb: try RocksDBPeer(directory, promise, keepsLargeValues: byteCount > 1 << 20)
        case .leveldb: try LevelDBPeer(directory, promise)
        #if SQLite
        case .sqlite: try SQLitePeer(directory, promise)
        #else
        case .sqlite: throw PeerFailure("This build is without SQLite: see the traits in Benchmarks/Package.swift.")
        #endif
        case .json: try JSONFilePeer(directory, promise)
        }
    }
}

struct PeerFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}
