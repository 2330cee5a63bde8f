import Foundation
import Testing

/// The folders of the engine are its layers: none names a type of a layer above it, or of a neighbour it must not see.
@Suite struct LayeringTests {
    /// The architecture, from the bottom. Folders of one row see each other only in the first.
    static let layers: [[String]] = [
        ["Vocabulary", "FileSystem"],
        ["Records"],
        ["Frames"],
        ["Segments"],
        ["Index"],
        ["Memory"],
        ["Recovery", "Compaction", "Verification"],
        ["Actor"],
    ]

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static func sources(_ folder: String) throws -> [(name: String, text: String)] {
        let url = root.appending(path: "Sources/CheckpointLog/\(folder)")
        return try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "swift" }
            .map { ($0.lastPathComponent, try String(contentsOf: $0, encoding: .utf8)) }
    }

    /// The text without comments and string literals.
    static func code(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            var line = String(line)
            if let comment = line.range(of: "//") { line.removeSubrange(comment.lowerBound...) }
            // Most lines have none, and a regular expression is slow where it is not optimized.
            guard line.utf8.contains(UInt8(ascii: "\"")) else { return line }
            return line.replacing(/"(\\.|[^"\\])*"/, with: "\"\"")
        }.joined(separator: "\n")
    }

    /// The identifiers of a text. Split by hand: a regular expression takes half a minute for all sources, unoptimized.
    static func words(_ text: String) -> Set<String> {
        func isPart(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        return Set(text.utf8.split { !isPart($0) }.map { String(decoding: $0, as: UTF8.self) })
    }

    /// The types that a folder declares at the outermost level.
    static func types(_ folder: String) throws -> Set<String> {
        var names: Set<String> = []
        for (_, text) in try sources(folder) {
            for line in code(text).split(separator: "\n") where line.utf8.first != UInt8(ascii: " ") {
                if let match = line.firstMatch(of: /\b(struct|class|enum|actor|protocol)\s+([A-Z][A-Za-z0-9]*)/) {
                    names.insert(String(match.2))
                }
            }
        }
        return names
    }

    @Test func everyFolderIsALayer() throws {
        let url = Self.root.appending(path: "Sources/CheckpointLog")
        let folders = try FileManager.default.contentsOfDirectory(
            at: url, includingPropertiesForKeys: [.isDirectoryKey]
        )
        .filter { try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true }
        .map(\.lastPathComponent).filter { !$0.hasSuffix(".docc") }
        #expect(Set(folders) == Set(Self.layers.flatMap(\.self)))
    }

    @Test func noLayerNamesATypeAboveIt() throws {
        var checked = 0
        let types = try Dictionary(
            uniqueKeysWithValues: Self.layers.flatMap(\.self).map { ($0, try Self.types($0)) })
        for (height, row) in Self.layers.enumerated() {
            for folder in row {
                var hidden = Self.layers[(height + 1)...].flatMap(\.self)
                if height > 0 { hidden += row.filter { $0 != folder } }
                let names = Set(hidden.flatMap { types[$0] ?? [] })
                for (file, text) in try Self.sources(folder) {
                    let seen = Self.words(Self.code(text)).intersection(names)
                    #expect(seen.isEmpty, "\(folder)/\(file) names \(seen.sorted()) of a layer it must not see")
                    checked += 1
                }
            }
        }
        #expect(checked > 30)
    }

    @Test func filesAreShortAndNamedForWhatTheyHold() throws {
        let vague = ["Manager", "Helper", "Util", "Common", "Misc", "Processor"]
        for folder in Self.layers.flatMap(\.self) {
            for (file, text) in try Self.sources(folder) {
                #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count <= 600, "\(folder)/\(file)")
                #expect(!vague.contains { file.contains($0) }, "\(folder)/\(file)")
            }
        }
    }
}
