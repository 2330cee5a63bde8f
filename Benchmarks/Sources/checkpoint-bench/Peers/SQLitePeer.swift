#if SQLite
import Foundation
import GRDB

/// SQLite in WAL mode through GRDB, with statements prepared once; `synchronous` is OFF for the written promise, FULL
/// for the synced one. A put is one statement, which is a transaction by itself; a get is one too.
final class SQLitePeer: Peer, @unchecked Sendable {
    private let queue: DatabaseQueue
    // Used in the queue alone.
    private var putting: Statement?
    private var getting: Statement?

    init(_ directory: String, _ promise: Promise) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        var configuration = Configuration()
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: "PRAGMA synchronous = \(promise == .written ? "OFF" : "FULL")")
            try database.execute(sql: "PRAGMA cache_size = -262144")
            try database.execute(sql: "PRAGMA mmap_size = 4294967296")
        }
        queue = try DatabaseQueue(path: directory + "/checkpoints.sqlite", configuration: configuration)
        (putting, getting) = try queue.writeWithoutTransaction { database in
            try database.execute(
                sql: "CREATE TABLE IF NOT EXISTS checkpoint (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
            return (
                try database.makeStatement(
                    sql: """
                        INSERT INTO checkpoint (key, value) VALUES (?, ?)
                        ON CONFLICT (key) DO UPDATE SET value = excluded.value
                        """),
                try database.makeStatement(sql: "SELECT value FROM checkpoint WHERE key = ?")
            )
        }
    }

    func put(_ key: [UInt8], _ value: [UInt8]) throws {
        try queue.writeWithoutTransaction { _ in try putting?.execute(arguments: [Data(key), Data(value)]) }
    }

    func load(count: Int, _ pair: (Int) -> (key: [UInt8], value: [UInt8])) throws {
        try queue.inDatabase { database in
            try database.inTransaction {
                for number in 0..<count {
                    let (key, value) = pair(number)
                    try putting?.execute(arguments: [Data(key), Data(value)])
                }
                return .commit
            }
        }
    }

    func get(_ key: [UInt8], into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        // The value comes in memory of the caller's own already; a second copy would be unfair.
        try value(of: key).count
    }

    func getFresh(_ key: [UInt8], byteCount: Int) throws -> FreshBytes {
        let value = try value(of: key)
        return FreshBytes(byteCount: value.count) { withExtendedLifetime(value) {} }
    }

    private func value(of key: [UInt8]) throws -> Data {
        // `read` would begin and end a transaction around the one statement.
        try queue.unsafeRead { _ in
            guard let getting, let value = try Data.fetchOne(getting, arguments: [Data(key)]) else {
                throw PeerFailure("SQLite has no such key.")
            }
            return value
        }
    }

    func close() {
        queue.writeWithoutTransaction { _ in (putting, getting) = (nil, nil) }
        try? queue.close()
    }
}
#endif
