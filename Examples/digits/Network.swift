import Foundation

/// Numbers, one for each parameter of a network of 64 inputs, 32 hidden units and 10 outputs: its weights, their
/// gradient, or an average of gradients.
struct Network: Codable, Sendable {
    static let inputCount = HandwrittenDigits.pixelCount
    static let hiddenCount = 32
    static let outputCount = HandwrittenDigits.labelCount

    /// For each hidden unit its weights, one for each input.
    var hiddenWeights = [Float](repeating: 0, count: hiddenCount * inputCount)
    var hiddenBiases = [Float](repeating: 0, count: hiddenCount)
    /// For each output its weights, one for each hidden unit.
    var outputWeights = [Float](repeating: 0, count: outputCount * hiddenCount)
    var outputBiases = [Float](repeating: 0, count: outputCount)

    init() {}

    /// Draws weights at random, of a size that keeps signals neither growing nor fading (Glorot and Bengio, 2010).
    init(using generator: inout SeededGenerator) {
        let hiddenBound = (6 / Float(Self.inputCount + Self.hiddenCount)).squareRoot()
        for index in hiddenWeights.indices {
            hiddenWeights[index] = Float.random(in: -hiddenBound...hiddenBound, using: &generator)
        }
        let outputBound = (6 / Float(Self.hiddenCount + Self.outputCount)).squareRoot()
        for index in outputWeights.indices {
            outputWeights[index] = Float.random(in: -outputBound...outputBound, using: &generator)
        }
    }

    /// The values of the hidden units, and the probability of each digit.
    func evaluate(_ pixels: [Float]) -> (hidden: [Float], probabilities: [Float]) {
        var hidden = hiddenBiases
        for unit in hidden.indices {
            var sum = hidden[unit]
            for input in pixels.indices { sum += hiddenWeights[unit * Self.inputCount + input] * pixels[input] }
            hidden[unit] = max(0, sum)
        }
        var outputs = outputBiases
        for output in outputs.indices {
            for unit in hidden.indices {
                outputs[output] += outputWeights[output * Self.hiddenCount + unit] * hidden[unit]
            }
        }
        let greatest = outputs.max() ?? 0
        for output in outputs.indices { outputs[output] = exp(outputs[output] - greatest) }
        let sum = outputs.reduce(0, +)
        for output in outputs.indices { outputs[output] /= sum }
        return (hidden, outputs)
    }

    /// The digit that the network sees.
    func label(of pixels: [Float]) -> Int {
        let probabilities = evaluate(pixels).probabilities
        return probabilities.indices.max { probabilities[$0] < probabilities[$1] } ?? 0
    }

    /// Adds the gradient of the cross entropy at one sample, times `scale`, to `gradient`.
    func addGradient(at sample: HandwrittenDigits.Sample, times scale: Float, to gradient: inout Network) {
        let (hidden, probabilities) = evaluate(sample.pixels)
        var hiddenErrors = [Float](repeating: 0, count: Self.hiddenCount)
        for output in probabilities.indices {
            let error = (probabilities[output] - (output == sample.label ? 1 : 0)) * scale
            gradient.outputBiases[output] += error
            for unit in hidden.indices {
                let place = output * Self.hiddenCount + unit
                gradient.outputWeights[place] += error * hidden[unit]
                hiddenErrors[unit] += error * outputWeights[place]
            }
        }
        for unit in hidden.indices where hidden[unit] > 0 {
            gradient.hiddenBiases[unit] += hiddenErrors[unit]
            for input in sample.pixels.indices {
                gradient.hiddenWeights[unit * Self.inputCount + input] += hiddenErrors[unit] * sample.pixels[input]
            }
        }
    }

    /// The share of samples that the network reads right.
    func accuracy(on samples: [HandwrittenDigits.Sample]) -> Double {
        Double(samples.count { label(of: $0.pixels) == $0.label }) / Double(samples.count)
    }
}
