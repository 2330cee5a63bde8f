#if KeyMacro
internal import SwiftCompilerPlugin
internal import SwiftSyntaxMacros

/// The program that the compiler starts to expand the macros.
@main struct CheckpointKeyPlugin: CompilerPlugin {
    let providingMacros: [any Macro.Type] = [CheckpointKeyMacro.self, CheckpointableMacro.self]
}
#else
/// The package manager links a macro target as a program, whatever the traits are. Without the trait nothing starts it.
@main enum CheckpointKeyPlugin {
    static func main() {}
}
#endif
