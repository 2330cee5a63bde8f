import Foundation

/// 1,797 handwritten digits of 43 people, as 8 × 8 pixels of 17 shades of grey.
///
/// E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
/// https://doi.org/10.24432/C50P49, CC BY 4.0.
struct HandwrittenDigits {
    /// One digit: its pixels from 0 (white) to 1 (black), row by row, and what it shows.
    struct Sample {
        var pixels: [Float]
        var label: Int
    }

    struct Malformed: Error, CustomStringConvertible {
        var line: Int

        var description: String { "digits.csv, line \(line): not 64 pixels of 0…16 and a digit" }
    }

    static let pixelCount = 64
    static let labelCount = 10

    var training: [Sample] = []
    /// Every fifth sample, which the training never sees.
    var test: [Sample] = []

    init() throws {
        guard let url = Bundle.module.url(forResource: "digits", withExtension: "csv") else {
            throw CocoaError(.fileReadNoSuchFile)
        }
        let lines = try Data(contentsOf: url).split(separator: UInt8(ascii: "\n"))
        for (index, line) in lines.enumerated() {
            let numbers = line.split(separator: UInt8(ascii: ",")).map {
                Int(String(decoding: $0, as: UTF8.self)) ?? -1
            }
            guard numbers.count == Self.pixelCount + 1, numbers.allSatisfy((0...16).contains),
                let label = numbers.last, label < Self.labelCount
            else { throw Malformed(line: index + 1) }
            let sample = Sample(pixels: numbers.dropLast().map { Float($0) / 16 }, label: label)
            if index % 5 == 4 { test.append(sample) } else { training.append(sample) }
        }
    }
}
