import Foundation
import Testing

/// The folders of the engine are its rooms: none uses what stands in a room above it, or in a neighbour that it must
/// not see. The other targets use those rooms alone that are theirs to use.
@Suite struct LayeringTests {
    /// The architecture, from the bottom. Rooms of one row do not see each other.
    static let rows: [[String]] = [
        ["Platform"],
        ["Vocabulary"],
        ["Format"],
        ["Index"],
        ["Writing", "Reading"],
        ["Recovery", "Upkeep", "Verification"],
        ["Engine"],
        ["Tree"],
        ["API"],
    ]

    static let foundation: Set<String> = ["Foundation", "FoundationEssentials"]
    static let system: Set<String> = ["CPlatform", "Darwin", "Glibc", "Musl"]

    /// What each room imports. `SystemPackage` has the words for paths and error numbers, and every room says them.
    static let modules: [String: Set<String>] = [
        // The only room that calls the system.
        "Platform": system.union(foundation).union(["Synchronization", "SystemPackage"]),
        // A configuration names a logger and the depth of the codec.
        "Vocabulary": foundation.union(["CBOR", "Logging", "SystemPackage"]),
        // The only room that compresses and computes checksums.
        "Format": ["CChecksum", "CLZ4", "CZlib", "SystemPackage"],
        "Index": ["CBOR", "Synchronization"],
        "Writing": ["Synchronization", "SystemPackage"],
        "Reading": ["SystemPackage"],
        "Recovery": ["Logging", "SystemPackage"],
        "Upkeep": ["Logging", "SystemPackage"],
        "Verification": ["CBOR", "SystemPackage"],
        "Engine": foundation.union(["CBOR", "Logging", "Synchronization", "SystemPackage"]),
        "Tree": ["Logging", "Metrics", "Synchronization"],
        "API": ["CBOR", "Synchronization", "SystemPackage"],
    ]

    /// The other targets: the rooms that each uses, and whether it may use the codec. Tests and what supports them use
    /// all.
    static let targets: [String: (rooms: Set<String>, modules: Set<String>)] = [
        "Sources/CBOR": ([], foundation.union(["CPlatform"])),
        "Sources/CheckpointKeyMacros": (
            [],
            [
                "SwiftCompilerPlugin", "SwiftDiagnostics", "SwiftParser", "SwiftSyntax", "SwiftSyntaxBuilder",
                "SwiftSyntaxMacros",
            ]
        ),
        "Sources/CheckpointKeys": (["Vocabulary", "API"], ["CBOR", "CheckpointLog"]),
        // It shares the lock.
        "Sources/CheckpointLogLifecycle": (
            ["Platform", "Vocabulary", "API"], ["CheckpointLog", "Logging", "ServiceLifecycle"]
        ),
        "Sources/checkpoint-log": (
            ["Vocabulary", "API"],
            system.union(foundation).union(["ArgumentParser", "CheckpointLog", "Synchronization", "SystemPackage"])
        ),
        "Sources/log-verify": (
            ["Verification", "Vocabulary", "API"],
            system.union(foundation).union(["ArgumentParser", "CheckpointLog", "Synchronization", "SystemPackage"])
        ),
        "Examples/digits": (
            ["Vocabulary", "API"],
            foundation.union(["ArgumentParser", "CheckpointLog", "Logging", "Synchronization", "SystemPackage"])
        ),
        "Examples/tree": (
            ["Vocabulary", "API"], foundation.union(["ArgumentParser", "CheckpointLog", "Synchronization"])
        ),
    ]

    static let sources = Result {
        var tree = SourceTree()
        try tree.add("Sources/CheckpointLog", eachFolderIsARoom: true)
        for folder in targets.keys.sorted() { try tree.add(folder) }
        return tree
    }

    /// The rooms that `room` sees: those below it and itself.
    static func visible(from room: String) -> Set<String> {
        if let target = targets[room] { return target.rooms.union([room]) }
        guard let height = rows.firstIndex(where: { $0.contains(room) }) else { return [] }
        return Set(rows[..<height].flatMap(\.self)).union([room])
    }

    /// What uses a name that it must not see: outermost declarations, and members that extensions add to others' types.
    static func breaches(_ tree: SourceTree) -> [String] {
        let rooms = Set(rows.flatMap(\.self))
        var declaring: [String: Set<String>] = [:]
        var outermost: [String: Set<String>] = [:]
        for file in tree.files where rooms.contains(file.room) {
            for name in file.declared { declaring[name, default: []].insert(file.room) }
            for name in file.outermost { outermost[name, default: []].insert(file.room) }
        }
        var adding: [String: Set<String>] = [:]
        for file in tree.files where rooms.contains(file.room) {
            for (type, member) in file.added where outermost[type] != [file.room] {
                adding[member, default: []].insert(file.room)
            }
        }
        var breaches: [String] = []
        for file in tree.files {
            let visible = visible(from: file.room)
            for word in file.words.sorted() {
                if let owners = outermost[word], owners.isDisjoint(with: visible), !file.declared.contains(word) {
                    breaches.append("\(file.room)/\(file.name) names \(word) of \(owners.sorted())")
                }
            }
            // The other targets are kept from the engine's members by their access, and say common words of their own.
            for word in file.members.sorted() where rooms.contains(file.room) {
                guard let owners = adding[word], !file.declared.contains(word) else { continue }
                if owners.union(declaring[word] ?? []).isDisjoint(with: visible) {
                    breaches.append("\(file.room)/\(file.name) uses the member \(word) that \(owners.sorted()) adds")
                }
            }
            let allowed = targets[file.room]?.modules ?? modules[file.room] ?? []
            for module in file.imports.subtracting(allowed).sorted() {
                breaches.append("\(file.room)/\(file.name) imports \(module)")
            }
        }
        return breaches
    }

    @Test func everyFolderIsARoom() throws {
        let url = SourceTree.root.appending(path: "Sources/CheckpointLog")
        let folders = try FileManager.default.contentsOfDirectory(
            at: url, includingPropertiesForKeys: [.isDirectoryKey]
        )
        .filter { try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true }
        .map(\.lastPathComponent).filter { !$0.hasSuffix(".docc") }
        #expect(Set(folders) == Set(Self.rows.flatMap(\.self)))
        #expect(Set(Self.modules.keys) == Set(folders))
    }

    @Test func everyTargetIsListed() throws {
        let manager = FileManager.default
        var folders: Set<String> = []
        for parent in ["Sources", "Examples"] {
            for name in try manager.contentsOfDirectory(atPath: SourceTree.root.appending(path: parent).path) {
                let files = try? manager.subpathsOfDirectory(
                    atPath: SourceTree.root.appending(path: "\(parent)/\(name)").path)
                if files?.contains(where: { $0.hasSuffix(".swift") }) == true { folders.insert("\(parent)/\(name)") }
            }
        }
        #expect(folders.subtracting(["Sources/CheckpointLog"]) == Set(Self.targets.keys))
    }

    @Test func nothingIsUsedFromAbove() throws {
        let tree = try Self.sources.get()
        #expect(tree.files.count > 100)
        let breaches = Self.breaches(tree)
        #expect(breaches.isEmpty, "\(breaches.joined(separator: "\n"))")
    }

    /// One breach of each rule, as it would be written.
    @Test(arguments: [
        ("Index", "struct A { var reader: FrameReader }", "names FrameReader"),
        ("Writing", "func planted(_ reader: FrameReader) {}", "names FrameReader"),
        ("Verification", "let loader = LogLoader.self", "names LogLoader"),
        ("Platform", "func planted() -> SequenceNumber { fatalError() }", "names SequenceNumber"),
        ("Engine", "extension LogEngine { func all() { _ = self.loadAll(of: self) } }", "uses the member loadAll"),
        ("Reading", "import Glibc", "imports Glibc"),
        ("Sources/CBOR", "import CheckpointLog", "imports CheckpointLog"),
        ("Sources/checkpoint-log", "let engine = LogEngine.self", "names LogEngine"),
        ("Sources/log-verify", "let loader = LogLoader.self", "names LogLoader"),
        ("Examples/tree", "let type = FrameDecoder.self", "names FrameDecoder"),
    ])
    func aBreachIsSeen(room: String, text: String, expected: String) throws {
        var tree = try Self.sources.get()
        tree.files.append(SourceTree.File(room: room, name: "Planted.swift", text: text))
        let breaches = Self.breaches(tree)
        #expect(breaches.count == 1 && breaches[0].contains(expected), "\(breaches)")
    }
}
