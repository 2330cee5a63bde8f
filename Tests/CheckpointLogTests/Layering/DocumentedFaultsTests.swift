import Foundation
import Testing

/// What the article "What can go wrong" names as a proof is there.
@Suite struct DocumentedFaultsTests {
    @Test func everyTestThatTheArticleNamesExists() throws {
        let article = try String(
            contentsOf: SourceTree.root.appending(
                path: "Sources/CheckpointLog/Documentation.docc/WhatCanGoWrong.md"), encoding: .utf8)
        let tests = try Self.functions()
        let named = article.matches(of: /`([A-Z]\w+Tests)\/(\w+)`/).map { (String($0.1), String($0.2)) }
        #expect(named.count > 40)
        for (suite, function) in named {
            #expect(tests[suite]?.contains(function) == true, "\(suite)/\(function)")
        }
    }

    /// Every row of a fault says what proves it.
    @Test func everyFaultHasAProof() throws {
        let article = try String(
            contentsOf: SourceTree.root.appending(
                path: "Sources/CheckpointLog/Documentation.docc/WhatCanGoWrong.md"), encoding: .utf8)
        let rows = article.split(separator: "\n").filter {
            $0.hasPrefix("| ") && !$0.hasPrefix("| fault |")
        }
        #expect(rows.count > 30)
        for row in rows {
            let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            #expect(cells.count == 5, "\(row)")
            #expect(cells.last?.contains(/Tests\/|Scripts\//) == true, "\(row)")
        }
    }

    /// Each code has its row: meaning, cause, and what to do.
    @Test func everyErrorCodeIsExplained() throws {
        let source = try String(
            contentsOf: SourceTree.root.appending(
                path: "Sources/CheckpointLog/Vocabulary/CheckpointLogError.swift"), encoding: .utf8)
        let article = try String(
            contentsOf: SourceTree.root.appending(
                path: "Sources/CheckpointLog/Documentation.docc/Troubleshooting.md"), encoding: .utf8)
        let codes = Set(source.matches(of: /public static var (\w+): Code/).map { String($0.1) })
        let explained = article.split(separator: "\n").compactMap { row -> String? in
            let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 4, let code = cells[0].wholeMatch(of: /`\.(\w+)`/) else { return nil }
            return String(code.1)
        }
        #expect(codes.count > 20)
        #expect(Set(explained) == codes && explained.count == codes.count)
    }

    /// Each call that the article names is declared under that name.
    @Test func everyCallOfTheInterfaceAtAGlanceExists() throws {
        let sources = SourceTree.root.appending(path: "Sources")
        let article = try String(
            contentsOf: sources.appending(path: "CheckpointLog/Documentation.docc/InterfaceAtAGlance.md"),
            encoding: .utf8)
        var declared: Set<String> = []
        let files = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
        for case let file as URL in files?.allObjects ?? [] where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: /public [^\n]*?(?:func|macro|struct|class|actor) (\w+)/) {
                declared.insert(String(match.1))
            }
        }
        let calls = Set(article.matches(of: /[`. #@](\w+)\(/).map { String($0.1) })
        #expect(calls.count > 40)
        // The program's own type.
        #expect(calls.subtracting(declared) == ["A"])
    }

    /// What README and the article "Development" name is there.
    @Test func theSuitesAndFilesThatOtherDocumentsNameExist() throws {
        let tests = try Self.functions()
        let readme = try String(contentsOf: SourceTree.root.appending(path: "README.md"), encoding: .utf8)
        let suites = readme.matches(of: /`([A-Z]\w+Tests)`/).map { String($0.1) }
        #expect(suites.count > 4)
        for suite in suites { #expect(tests[suite] != nil, "\(suite)") }
        let map = try String(
            contentsOf: SourceTree.root.appending(path: "Sources/CheckpointLog/Documentation.docc/Development.md"),
            encoding: .utf8)
        let files = map.matches(of: /`([A-Z][\w+]+\.swift)`/).map { String($0.1) }
        #expect(files.count > 15)
        let names = FileManager.default.enumerator(
            at: SourceTree.root.appending(path: "Sources"), includingPropertiesForKeys: nil)
        let there = Set((names?.allObjects as? [URL] ?? []).map(\.lastPathComponent))
        for file in files { #expect(there.contains(file), "\(file)") }
    }

    /// The functions of each suite, by what the sources of all tests declare.
    private static func functions() throws -> [String: Set<String>] {
        var functions: [String: Set<String>] = [:]
        let folder = SourceTree.root.appending(path: "Tests")
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        while let file = files?.nextObject() as? URL {
            guard file.pathExtension == "swift" else { continue }
            var suite = ""
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                // A regular expression takes long where it is not optimized, and most lines declare nothing.
                guard line.range(of: "func ") != nil || line.range(of: "Tests") != nil else { continue }
                if let match = line.firstMatch(of: /(?:struct|extension|class) (\w+Tests)\b/) {
                    suite = String(match.1)
                }
                if let match = line.firstMatch(of: /func (\w+)\(/) {
                    functions[suite, default: []].insert(String(match.1))
                }
            }
        }
        return functions
    }
}
