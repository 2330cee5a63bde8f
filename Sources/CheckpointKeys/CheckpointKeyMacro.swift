#if KeyMacro
public import CheckpointLog

/// Makes a key from the module, the enclosing function, and the arguments as they are written.
///
/// The parts are joined with underscores:
///
/// ```swift
/// // In module MyModule
/// func mykey(a: Int, b: Int, c: Int) async throws {
///     try await log.checkpoint(a, b, c, for: #checkpointKey(a, b, c, 123))  // MyModule_mykey_a_b_c_123
/// }
/// ```
///
/// The macro uses the text of the arguments, not their values: two calls of the function make the same key. If every
/// worker or step needs a key of its own, use ``checkpointKey(values:_:)``. Two types with a method of the same name
/// get the same key.
///
/// * The module is that of `#fileID` and the function that of `#function`, up to its parameters, both where the macro
///   stands: an initialiser gives `init`, a computed property its name, a closure the function around it, the initial
///   value of a stored type or instance property the name of the type. At the top level `#function` is the module once
///   more.
/// * White space and line breaks in an argument become one space, or none just inside brackets and before commas and
///   members; comments go. So a formatter that breaks a line differently does not change the key. Quotation marks stay.
/// * Without arguments the key is the module and the function: `MyModule_mykey`.
///
/// Closures, strings with interpolation and strings of several lines cannot be part of a key. Neither can text that
/// makes the key longer than `CheckpointKey.maximumByteCount`. Each is an error with a fix-it.
///
/// If you rename the function or an argument, the key changes, and checkpoints under the old key stay there. Write the
/// key as a literal if it must outlive the source.
///
/// - Complexity: O(n) in the length of the key, on each evaluation.
@freestanding(expression)
public macro checkpointKey<each Argument>(_ arguments: repeat each Argument) -> CheckpointKey =
    #externalMacro(module: "CheckpointKeyMacros", type: "CheckpointKeyMacro")

/// Makes a key from the module, the enclosing function, and the values of the arguments.
///
/// Module and function are those of ``checkpointKey(_:)``; each value gives its `description`:
///
/// ```swift
/// // In module MyModule
/// func train(worker: Int, step: Int) async throws {
///     try await log.checkpoint(state, for: #checkpointKey(values: worker, step))  // MyModule_train_7_120
/// }
/// ```
///
/// A value's `description` must be the same in every run and differ for what is to be kept apart: sets and dictionaries
/// have no such order, and `"a_b", "c"` makes the same key as `"a", "b_c"`. A key over `CheckpointKey.maximumByteCount`
/// is made, and refused with `.invalidKey` by the call that is given it.
///
/// - Complexity: O(n) in the length of the key, on each evaluation.
@freestanding(expression)
public macro checkpointKey<First: CustomStringConvertible, each Value: CustomStringConvertible>(
    values first: First, _ rest: repeat each Value
) -> CheckpointKey = #externalMacro(module: "CheckpointKeyMacros", type: "CheckpointKeyMacro")
#endif
