/// Everything that the training needs to go on from where it stopped, as if it had not.
struct TrainingState: Codable, Sendable {
    private static let batchCount = 32

    var network: Network
    private var optimizer = AdamOptimizer()
    private var generator: SeededGenerator
    /// The samples of this epoch in the order in which they are shown.
    private var order: [UInt16]
    /// Samples shown in this epoch.
    private var position = 0
    /// Steps made.
    private(set) var step = 0
    /// Epochs completed.
    private(set) var epoch = 0

    init(seed: UInt64, sampleCount: Int) {
        generator = SeededGenerator(seed: seed)
        network = Network(using: &generator)
        order = Array(0..<UInt16(sampleCount)).shuffled(using: &generator)
    }

    /// Steps of one epoch.
    static func stepCount(sampleCount: Int) -> Int { (sampleCount + batchCount - 1) / batchCount }

    /// Whether the last step completed an epoch.
    var isAtEndOfEpoch: Bool { position == 0 && step > 0 }

    /// Learns from the next few samples.
    mutating func learn(from samples: [HandwrittenDigits.Sample]) {
        let batch = order[position..<min(position + Self.batchCount, order.count)]
        var gradient = Network()
        for index in batch {
            network.addGradient(at: samples[Int(index)], times: 1 / Float(batch.count), to: &gradient)
        }
        optimizer.step(&network, along: gradient)
        step += 1
        position = batch.endIndex
        if position == order.count {
            epoch += 1
            position = 0
            order.shuffle(using: &generator)
        }
    }
}
