import Foundation
import GRDB

/// SQLite in WAL mode through GRDB, with cached statements; `synchronous` is OFF for the written promise, FULL for the synced one.
final class SQLitePeer: Peer, @unchecked Sendable {
    private let queue: DatabaseQueue

    init(_ directory: String, _ promise: Promise) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        var configuration = Configuration()
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: "PRAGMA synchronous = \(promise == .written ? "OFF" : "FULL")")
            try database.execute(sql: "PRAGMA cache_size = -262144")
            try database.execute(sql: "PRAGMA mmap_size = 1073741824")
        }
        queue = try DatabaseQueue(path: directory + "/checkpoints.sqlite", configuration: configuration)
        try queue.write { database in
            try database.execute(
                sql: "CREATE TABLE IF NOT EXISTS checkpoint (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
        }
    }

    func put(_ key: [UInt8], _ value: [UInt8]) throws {
        try queue.write { database in
            let statement = try database.cachedStatement(
                sql: "INSERT INTO checkpoint (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
            try statement.execute(arguments: [Data(key), Data(value)])
        }
    }

    func get(_ key: [UInt8], into buffer: inout [UInt8]) throws -> Int {
        try queue.read { database in
            let statement = try database.cachedStatement(sql: "SELECT value FROM checkpoint WHERE key = ?")
            guard let value = try Data.fetchOne(statement, arguments: [Data(key)]) else {
                throw PeerFailure("SQLite has no such key.")
            }
            buffer.withUnsafeMutableBytes { _ = value.copyBytes(to: $0) }
            return value.count
        }
    }

    func close() { try? queue.close() }
}
