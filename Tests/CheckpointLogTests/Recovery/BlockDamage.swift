import SystemPackage
import TestSupport

/// One thing that a disk can do with a sector or a block: lose it, or put another one in its place.
struct BlockDamage: Sendable, CustomStringConvertible {
    enum Kind: String, CaseIterable, Sendable {
        case zeroed, swapped, duplicated, older, foreign
        /// The whole file as it once was, or that of another log.
        case olderFile, foreignFile
    }

    var kind: Kind
    var file: SpecimenLog.File
    var place: Range<Int>
    var description: String
    /// The file afterwards.
    var bytes: [UInt8]

    /// What can be done with the blocks of `file`, without that which leaves it as it was.
    ///
    /// - Parameter partnerStride: of the other blocks of the file that one is swapped with, or replaced by, one in so
    ///   many is tried.
    static func all(
        of file: SpecimenLog.File, in log: SpecimenLog, another: SpecimenLog, blockByteCount: Int, partnerStride: Int
    ) -> [BlockDamage] {
        guard let bytes = log.disk.contents(of: log.path(file)) else { return [] }
        let foreign = another.disk.contents(of: another.path(file))
        let older = log.earlier.compactMap { $0.contents(of: log.path(file)) }
        var all: [BlockDamage] = []
        func add(_ kind: Kind, _ place: Range<Int>, _ detail: String, _ damaged: [UInt8]) {
            guard damaged != bytes else { return }
            let text = "\(file) \(place) \(kind) \(detail)"
            all.append(BlockDamage(kind: kind, file: file, place: place, description: text, bytes: damaged))
        }
        let places = stride(from: 0, to: bytes.count, by: blockByteCount).map {
            $0..<min($0 + blockByteCount, bytes.count)
        }
        for (index, place) in places.enumerated() {
            add(.zeroed, place, "", replacing(place, of: bytes, by: []))
            for (number, partner) in places.enumerated() where number != index {
                guard (number + index) % partnerStride == 0 || number == index + 1 else { continue }
                let copied = replacing(place, of: bytes, by: bytes[partner])
                add(.duplicated, place, "from \(partner)", copied)
                if number > index {
                    add(.swapped, place, "with \(partner)", replacing(partner, of: copied, by: bytes[place]))
                }
            }
            for (state, former) in older.enumerated() {
                add(
                    .older, place, "as of \(state)",
                    replacing(place, of: bytes, by: former.dropFirst(place.lowerBound)))
            }
            if let foreign {
                add(.foreign, place, "", replacing(place, of: bytes, by: foreign.dropFirst(place.lowerBound)))
            }
        }
        for (state, former) in older.enumerated() { add(.olderFile, 0..<former.count, "as of \(state)", former) }
        if let foreign { add(.foreignFile, 0..<foreign.count, "", foreign) }
        return all
    }

    /// `bytes` with those of `block` at `place`, and zeros where `block` is too short.
    private static func replacing(_ place: Range<Int>, of bytes: [UInt8], by block: ArraySlice<UInt8>) -> [UInt8] {
        var result = bytes
        let part = Array(block.prefix(place.count))
        result.replaceSubrange(place, with: part + [UInt8](repeating: 0, count: place.count - part.count))
        return result
    }
}
