#if KeyMacro
internal import SwiftDiagnostics
internal import SwiftParser
public import SwiftSyntax
internal import SwiftSyntaxBuilder
public import SwiftSyntaxMacros

/// Expands `@Checkpointable`: the conformance of a struct to `CBORMapEncodable`, with an entry for each member that the
/// compiler's `encode(to:)` encodes.
public struct CheckpointableMacro: ExtensionMacro {
    /// Expands one use of the macro, or throws the diagnostics that say why it cannot write the struct's map.
    public static func expansion(
        of node: AttributeSyntax, attachedTo declaration: some DeclGroupSyntax,
        providingExtensionsOf type: some TypeSyntaxProtocol, conformingTo protocols: [TypeSyntax],
        in context: some MacroExpansionContext
    ) throws -> [ExtensionDeclSyntax] {
        guard let declaration = declaration.as(StructDeclSyntax.self) else {
            throw DiagnosticsError(diagnostics: [Diagnostic(node: node, message: MapProblem.noStruct)])
        }
        let members = StoredMembers(of: declaration)
        guard members.problems.isEmpty else { throw DiagnosticsError(diagnostics: members.problems) }
        let calls = CodeBlockItemListSyntax {
            for (name, key) in members.entries {
                "try map.encode(self.\(name), for: \(StringLiteralExprSyntax(content: key)))"
            }
        }
        let access = declaration.modifiers.first { ["public", "package"].contains($0.name.text) }?.trimmed
        let expansion: DeclSyntax = """
            extension \(type.trimmed): CheckpointKeys.CBORMapEncodable {
                \(raw: access.map { "\($0) " } ?? "")func encodeEntries(into map: CheckpointKeys.CBORMapWriter) throws {
                    \(calls)
                }
            }
            """
        return [try ExtensionDeclSyntax(validating: expansion)]
    }
}

extension ExtensionDeclSyntax {
    fileprivate init(validating declaration: DeclSyntax) throws {
        guard let declaration = declaration.as(Self.self) else { throw MapProblem.noStruct }
        self = declaration
    }
}

/// The members of a struct that the compiler's `encode(to:)` encodes, each with its key.
private struct StoredMembers {
    private(set) var entries: [(name: TokenSyntax, key: String)] = []
    private(set) var problems: [Diagnostic] = []
    private var names: [TokenSyntax] = []

    init(of declaration: StructDeclSyntax) {
        var keys: EnumDeclSyntax?
        for member in declaration.memberBlock.members {
            if let variable = member.decl.as(VariableDeclSyntax.self) {
                add(variable)
            } else if let function = member.decl.as(FunctionDeclSyntax.self), function.isEncode {
                refuse(function.name, .ownEncode)
            } else if let found = member.decl.as(EnumDeclSyntax.self), found.name.text == "CodingKeys" {
                keys = found
            } else if let condition = member.decl.as(IfConfigDeclSyntax.self) {
                refuse(condition, .condition)
            }
        }
        if let keys { choose(by: keys) } else { entries = names.map { ($0, $0.plainText) } }
    }

    private mutating func refuse(_ node: some SyntaxProtocol, _ problem: MapProblem) {
        problems.append(Diagnostic(node: node, message: problem))
    }

    private mutating func add(_ variable: VariableDeclSyntax) {
        guard !variable.modifiers.contains(where: { ["static", "class"].contains($0.name.text) }) else { return }
        if let lazy = variable.modifiers.first(where: { $0.name.text == "lazy" }) { return refuse(lazy, .isLazy) }
        for binding in variable.bindings where binding.isStored {
            if let wrapper = variable.attributes.first(where: { !$0.isHarmless }) { return refuse(wrapper, .wrapper) }
            guard let name = binding.pattern.as(IdentifierPatternSyntax.self)?.identifier else {
                refuse(binding.pattern, .pattern)
                continue
            }
            names.append(name.trimmed)
        }
    }

    /// The entries in the order of the cases, each under its raw value.
    private mutating func choose(by keys: EnumDeclSyntax) {
        for element in keys.memberBlock.members.compactMap({ $0.decl.as(EnumCaseDeclSyntax.self) }).flatMap(\.elements)
        {
            guard let name = names.first(where: { $0.plainText == element.name.plainText }) else { continue }
            guard let value = element.rawValue?.value else {
                entries.append((name, name.plainText))
                continue
            }
            guard let text = value.as(StringLiteralExprSyntax.self)?.representedLiteralValue else {
                refuse(value, .rawValue)
                continue
            }
            entries.append((name, text))
        }
    }
}

extension TokenSyntax {
    /// The name without the backticks of a raw identifier.
    fileprivate var plainText: String { identifier?.name ?? text }
}

extension PatternBindingSyntax {
    /// Whether the member stores a value: it has no accessors, or only observers.
    fileprivate var isStored: Bool {
        guard let block = accessorBlock else { return true }
        guard case .accessors(let accessors) = block.accessors else { return false }
        return accessors.allSatisfy { ["willSet", "didSet"].contains($0.accessorSpecifier.text) }
    }
}

extension FunctionDeclSyntax {
    fileprivate var isEncode: Bool {
        name.text == "encode" && signature.parameterClause.parameters.map(\.firstName.text) == ["to"]
    }
}

extension AttributeListSyntax.Element {
    /// Whether the attribute is known to leave the member a plain stored one.
    fileprivate var isHarmless: Bool {
        guard case .attribute(let attribute) = self else { return false }
        return ["available", "usableFromInline", "nonobjc", "inlinable"]
            .contains(attribute.attributeName.trimmedDescription)
    }
}

/// Why the macro cannot write a type's map.
enum MapProblem: String, DiagnosticMessage, Error {
    case noStruct, ownEncode, isLazy, wrapper, pattern, rawValue, condition

    var message: String {
        switch self {
        case .noStruct: "@Checkpointable is for structs; other types are encoded by 'Codable' as they are"
        case .ownEncode: "a type with its own 'encode(to:)' is encoded by it; take @Checkpointable away"
        case .isLazy: "a lazy member has another place than its name; take @Checkpointable away"
        case .wrapper: "what an attribute makes of this member is not known; take @Checkpointable away"
        case .pattern: "@Checkpointable needs a name for each member"
        case .rawValue: "@Checkpointable needs a plain string literal as the key"
        case .condition: "members under a condition are not known; take @Checkpointable away"
        }
    }

    var diagnosticID: MessageID { MessageID(domain: "CheckpointKeyMacros", id: rawValue) }
    var severity: DiagnosticSeverity { .error }
}
#endif
