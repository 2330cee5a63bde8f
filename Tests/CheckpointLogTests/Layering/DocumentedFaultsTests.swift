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
