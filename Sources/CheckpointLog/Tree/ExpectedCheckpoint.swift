/// A checkpoint whose number is taken, and whose value comes later.
struct ExpectedCheckpoint: Sendable {
    var key: CheckpointKey
    var level: Int
    /// The number that it has in the actor above. A child may have another parent by the time it stores.
    var above: (taken: TakenNumber, log: ObjectIdentifier)?
}
