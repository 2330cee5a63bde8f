#if KeyMacro
import CheckpointKeyMacros
import SwiftSyntax
import SwiftSyntaxMacroExpansion
import SwiftSyntaxMacrosGenericTestSupport
import Testing

/// What `@Checkpointable` writes, and what it says where it cannot.
@Suite struct CheckpointableMacroTests {
    func check(
        _ source: String, expands expansion: String, diagnostics: [DiagnosticSpec] = [],
        sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) {
        let conformance = TypeSyntax(IdentifierTypeSyntax(name: .identifier("CBORMapEncodable")))
        assertMacroExpansion(
            source, expandedSource: expansion, diagnostics: diagnostics,
            macroSpecs: [
                "Checkpointable": MacroSpec(type: CheckpointableMacro.self, conformances: [conformance])
            ],
            failureHandler: { Issue.record("\($0.message)", sourceLocation: sourceLocation) })
    }

    @Test func storedMembersAreWritten() {
        let members = """
                var step: Int
                let (seed) = 3
                var a = 1, b: Double?
                var observed = 0 { didSet { print(observed) } }
                var computed: Int { step }
                static var shared = 1
                @available(*, deprecated) var old = 1
                var `class` = ""
                func step(by count: Int) {}
            """.replacing("let (seed) = 3", with: "let seed = 3")
        check(
            "@Checkpointable\nstruct Walker: Codable {\n\(members)\n}",
            expands: """
                struct Walker: Codable {
                \(members)
                }

                extension Walker: CheckpointKeys.CBORMapEncodable {
                    func encodeEntries(into map: CheckpointKeys.CBORMapWriter) throws {
                        try map.encode(self.step, for: "step")
                        try map.encode(self.seed, for: "seed")
                        try map.encode(self.a, for: "a")
                        try map.encode(self.b, for: "b")
                        try map.encode(self.observed, for: "observed")
                        try map.encode(self.old, for: "old")
                        try map.encode(self.`class`, for: "class")
                    }
                }
                """)
    }

    @Test func keysOfItsOwnAreUsedInTheirOrder() {
        let body = """
            public struct Walker: Codable {
                var step: Int
                var name: String
                var scratch = 0
                enum CodingKeys: String, CodingKey {
                    case name = "n\\"ame"
                    case step
                }
            }
            """
        check(
            "@Checkpointable\n" + body,
            expands: body + """


                extension Walker: CheckpointKeys.CBORMapEncodable {
                    public func encodeEntries(into map: CheckpointKeys.CBORMapWriter) throws {
                        try map.encode(self.name, for: #"n"ame"#)
                        try map.encode(self.step, for: "step")
                    }
                }
                """)
    }

    @Test(arguments: [
        ("class A {}", "@Checkpointable is for structs; other types are encoded by 'Codable' as they are", 1, 1),
        (
            "struct A {\n    lazy var a = 1\n}",
            "a lazy member has another place than its name; take @Checkpointable away", 3, 5
        ),
        (
            "struct A {\n    @Wrapped var a = 1\n}",
            "what an attribute makes of this member is not known; take @Checkpointable away", 3, 5
        ),
        ("struct A {\n    var (a, b) = (1, 2)\n}", "@Checkpointable needs a name for each member", 3, 9),
        (
            "struct A {\n    func encode(to encoder: any Encoder) throws {\n    }\n}",
            "a type with its own 'encode(to:)' is encoded by it; take @Checkpointable away", 3, 10
        ),
        (
            "struct A {\n    #if DEBUG\n    var a = 1\n    #endif\n}",
            "members under a condition are not known; take @Checkpointable away", 3, 5
        ),
    ])
    func whatCannotBeKnownIsAnError(declaration: String, message: String, line: Int, column: Int) {
        check(
            "@Checkpointable\n" + declaration, expands: declaration,
            diagnostics: [DiagnosticSpec(message: message, line: line, column: column)])
    }
}
#endif
