import Foundation

/// Steps along a running average of gradients, each parameter at its own pace.
///
/// Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015.
struct AdamOptimizer: Codable, Sendable {
    private static let rate: Float = 0.002
    private static let firstDecay: Float = 0.9
    private static let secondDecay: Float = 0.999

    private var firstMoments = Network()
    private var secondMoments = Network()
    private var stepCount = 0

    mutating func step(_ network: inout Network, along gradient: Network) {
        stepCount += 1
        let size =
            Self.rate * (1 - pow(Self.secondDecay, Float(stepCount))).squareRoot()
            / (1 - pow(Self.firstDecay, Float(stepCount)))
        step(\.hiddenWeights, &network, gradient, size)
        step(\.hiddenBiases, &network, gradient, size)
        step(\.outputWeights, &network, gradient, size)
        step(\.outputBiases, &network, gradient, size)
    }

    private mutating func step(
        _ part: WritableKeyPath<Network, [Float]>, _ network: inout Network, _ gradient: Network, _ size: Float
    ) {
        Self.step(
            &network[keyPath: part], &firstMoments[keyPath: part], &secondMoments[keyPath: part],
            gradient[keyPath: part], size)
    }

    private static func step(
        _ values: inout [Float], _ first: inout [Float], _ second: inout [Float], _ gradient: [Float], _ size: Float
    ) {
        for index in values.indices {
            let slope = gradient[index]
            first[index] = firstDecay * first[index] + (1 - firstDecay) * slope
            second[index] = secondDecay * second[index] + (1 - secondDecay) * slope * slope
            values[index] -= size * first[index] / (second[index].squareRoot() + 1e-7)
        }
    }
}
