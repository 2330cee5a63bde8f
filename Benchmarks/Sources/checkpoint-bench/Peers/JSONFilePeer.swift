import Foundation

/// A file for each key, written beside and renamed, as Foundation's atomic writing does it; synced by hand where that
/// is promised.
final class JSONFilePeer: Peer, @unchecked Sendable {
    private let directory: String
    private let promise: Promise

    init(_ directory: String, _ promise: Promise) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        self.directory = directory
        self.promise = promise
    }

    func put(_ key: [UInt8], _ value: [UInt8]) throws {
        let path = path(of: key)
        guard promise == .synced else {
            return try Data(value).write(to: URL(filePath: path), options: .atomic)
        }
        let file = open(path + ".tmp", O_CREAT | O_TRUNC | O_WRONLY, 0o600)
        guard file >= 0, value.withUnsafeBytes({ write(file, $0.baseAddress, $0.count) }) == value.count,
            fsync(file) == 0
        else {
            throw PeerFailure("JSON file: \(errno)")
        }
        Glibc.close(file)
        guard rename(path + ".tmp", path) == 0 else { throw PeerFailure("JSON file: \(errno)") }
        let folder = open(directory, O_RDONLY)
        guard fsync(folder) == 0 else { throw PeerFailure("JSON file: \(errno)") }
        Glibc.close(folder)
    }

    func get(_ key: [UInt8], into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try Data(contentsOf: URL(filePath: path(of: key))).count
    }

    private func path(of key: [UInt8]) -> String {
        let name = String(decoding: key, as: UTF8.self).replacingOccurrences(of: "/", with: "-")
        return directory + "/" + name
    }

    func close() {}
}
