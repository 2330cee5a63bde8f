#if KeyMacro
internal import SwiftCompilerPlugin
internal import SwiftSyntaxMacros

/// What the compiler starts and asks for expansions.
@main struct CheckpointKeyPlugin: CompilerPlugin {
    let providingMacros: [any Macro.Type] = [CheckpointKeyMacro.self, CheckpointableMacro.self]
}
#else
/// The package manager links a macro target as a program whatever the traits; without the trait nothing starts it.
@main enum CheckpointKeyPlugin {
    static func main() {}
}
#endif
