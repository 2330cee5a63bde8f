#if KeyMacro
public import CBOR

/// What ``Checkpointable()`` makes a struct conform to.
public typealias CBORMapEncodable = CBOR.CBORMapEncodable
/// What a ``CBORMapEncodable`` writes its map with.
public typealias CBORMapWriter = CBOR.CBORMapWriter

/// Has a `Codable` struct written to checkpoints directly, without the calls of `Codable` for each member: the same
/// bytes in a fraction of the time.
///
/// ```swift
/// @Checkpointable
/// struct Walker: Codable {
///     var step: Int
///     var weights: [Double]
///     var neighbours: [Neighbour]
/// }
/// ```
///
/// Members of other `@Checkpointable` types are written directly too, all others as `Codable` does it.
///
/// The struct is to be `Codable`, or `Encodable`, by the `encode(to:)` that the compiler makes of it. Its stored
/// members are written in their order, or in that of its own `CodingKeys` under their raw values; optional ones not
/// where they are nil. Values are read back by `Codable`: the macro can be added and taken away with checkpoints in the
/// log.
///
/// A public struct needs a `public import CheckpointKeys` where imports are internal by default.
///
/// An error where a member cannot be known: `lazy`, with a property wrapper, under `#if`, and an `encode(to:)` in the
/// struct. One in an extension, which the macro cannot see, is found when values are encoded: of the first, second,
/// fourth and so on value of the type, over 1 MiB of the first, both ways are compared, and the checkpoint throws
/// `.encodingFailed` where they differ.
@attached(extension, conformances: CBORMapEncodable, names: named(encodeEntries))
public macro Checkpointable() = #externalMacro(module: "CheckpointKeyMacros", type: "CheckpointableMacro")
#endif
