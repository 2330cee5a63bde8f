import Foundation
import Testing

/// R13: the planted bugs that `Scripts/planted-bugs` works through can be planted, and each names a test that there is.
@Suite struct PlantedBugsTests {
    struct Bug {
        var name: String
        var test = ""
        var meaning = ""
        var edits: [Edit] = []
        /// Lines that no part of the file asks for.
        var others: [String] = []
    }

    struct Edit {
        var path: String
        var find: [String] = []
        var replacement: [String] = []
    }

    private enum Part { case head, find, replacement }

    /// The bugs of `Tests/PlantedBugs`, each in a file of its own; `Scripts/plant-bugs.py` says how one is written.
    static func bugs() throws -> [Bug] {
        let folder = SourceTree.root.appending(path: "Tests/PlantedBugs")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        return try files.map { file in
            let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
            return bug(named: file, text)
        }
    }

    static func bug(named file: String, _ text: String) -> Bug {
        var bug = Bug(name: file.hasSuffix(".txt") ? String(file.dropLast(4)) : "")
        var part = Part.head
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.hasPrefix("file: ") {
                bug.edits.append(Edit(path: String(line.dropFirst(6))))
                part = .head
            } else if line == "find:", !bug.edits.isEmpty {
                part = .find
            } else if line == "replace by:", !bug.edits.isEmpty {
                part = .replacement
            } else if part == .find {
                bug.edits[bug.edits.count - 1].find.append(line)
            } else if part == .replacement {
                bug.edits[bug.edits.count - 1].replacement.append(line)
            } else if line.hasPrefix("test: ") {
                bug.test = String(line.dropFirst(6))
            } else if line.hasPrefix("means: ") {
                bug.meaning = String(line.dropFirst(7))
            } else if !line.isEmpty {
                bug.others.append(line)
            }
        }
        return bug
    }

    /// How often the lines stand in the text, as whole lines.
    static func count(of lines: [String], in text: String) -> Int {
        let all = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard !lines.isEmpty, all.count >= lines.count else { return 0 }
        return (0...all.count - lines.count).count { Array(all[$0..<$0 + lines.count]) == lines }
    }

    @Test func everyBugSaysWhatItMeansAndWhatItChanges() throws {
        let bugs = try Self.bugs()
        #expect(bugs.count >= 85, "Bugs do not go: they move with the code that they break.")
        for bug in bugs {
            #expect(!bug.name.isEmpty && !bug.meaning.isEmpty && !bug.edits.isEmpty && bug.others.isEmpty, "\(bug)")
            let camelCase = bug.name.split(separator: "-").enumerated()
                .map { $0.offset == 0 ? String($0.element) : $0.element.capitalized }.joined()
            let inserted = bug.edits.flatMap(\.replacement).joined(separator: "\n")
            // It acts where it is chosen, and nowhere else.
            #expect(inserted.ranges(of: "PlantedBug.").count == 1, "\(bug.name)")
            #expect(inserted.contains("PlantedBug.\(camelCase).isPlanted"), "\(bug.name)")
        }
    }

    /// The text that an edit looks for stands in its file once.
    @Test func everyBugCanBePlanted() throws {
        for bug in try Self.bugs() {
            for edit in bug.edits {
                let source = try String(contentsOf: SourceTree.root.appending(path: edit.path), encoding: .utf8)
                let count = Self.count(of: edit.find, in: source)
                #expect(count == 1, "\(bug.name): its text stands \(count) times in \(edit.path)")
                #expect(edit.find != edit.replacement, "\(bug.name) changes nothing in \(edit.path)")
            }
        }
    }

    @Test func anEditOfWhatIsNotThereIsSeen() {
        #expect(Self.count(of: ["b", "c"], in: "a\nb\nc\n") == 1)
        #expect(Self.count(of: ["b"], in: "a\nbc\n") == 0)
        #expect(Self.count(of: ["b"], in: "b\nb\n") == 2)
        #expect(Self.count(of: [], in: "b\n") == 0)
        #expect(Self.bug(named: "x.txt", "text: A/b\n").others == ["text: A/b"])
    }

    @Test func everyTestThatABugNamesExists() throws {
        let folder = SourceTree.root.appending(path: "Tests/CheckpointLogTests")
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
        var sources: [String: String] = [:]
        for file in files {
            let name = file.split(separator: "/").last?.dropLast(".swift".count) ?? ""
            sources[String(name)] = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
        }
        for bug in try Self.bugs() {
            let parts = bug.test.split(separator: "/").map(String.init)
            try #require(parts.count == 2, "\(bug.name): \(bug.test)")
            let source = try #require(sources[parts[0]], "\(bug.name): there is no suite \(parts[0])")
            #expect(source.contains("func \(parts[1])("), "\(bug.name): there is no test \(parts[1])")
        }
    }

    /// What users build knows nothing of bugs.
    @Test func theSourcesAreFreeOfBugs() throws {
        for (file, text) in try SourceTree.texts("Sources") {
            #expect(!text.contains("PlantedBug"), "\(file)")
        }
        let package = try String(contentsOf: SourceTree.root.appending(path: "Package.swift"), encoding: .utf8)
        #expect(!package.contains("PLANTED"))
    }
}
