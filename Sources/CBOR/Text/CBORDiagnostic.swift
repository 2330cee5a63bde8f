/// CBOR as readable text: the diagnostic notation of RFC 8949, section 8.
///
/// ```swift
/// print(CBORDiagnostic.text(of: try CBOREncoder().encode(["step": 7])))  // {"step": 7}
/// ```
public enum CBORDiagnostic {
    /// An open container: what is due in it, and what ends it.
    private struct Level {
        /// Items still due; nil for an indefinite length.
        var due: Int?
        var isMap: Bool
        /// Items written so far.
        var count = 0
        var end: Character
    }

    /// The notation of all items in `bytes`, separated by commas.
    ///
    /// It never fails: if bytes are not CBOR, the text ends with what is wrong, and where.
    ///
    /// - Parameters:
    ///   - bytes: any bytes.
    ///   - characterLimit: the greatest length of the text, in bytes of UTF-8. A longer text ends with an ellipsis.
    ///     Default: 64 Ki.
    /// - Complexity: O(n) in the bytes, without recursion.
    public static func text(of bytes: [UInt8], characterLimit: Int = 65_536) -> String {
        unsafe bytes.withUnsafeBytes { unsafe text(of: $0, characterLimit: characterLimit) }
    }

    /// As ``text(of:characterLimit:)-([UInt8],_)``, without a copy of the bytes.
    public static func text(of bytes: UnsafeRawBufferPointer, characterLimit: Int = 65_536) -> String {
        let reader = unsafe CBORReader(bytes)
        var (text, levels, offset) = ("", [Level](), 0)
        // Counted in bytes: counting characters would look at all of the text each time.
        while offset < bytes.count || !levels.isEmpty {
            guard text.utf8.count <= characterLimit else { return text + "…" }
            do throws(CBORError) {
                closeFinished(&levels, &text)
                if levels.isEmpty, offset >= bytes.count { break }
                let head = try reader.head(at: offset)
                if head.isBreak {
                    guard let level = levels.last, level.due == nil else { throw CBORError(.reservedHead, at: offset) }
                    levels.removeLast()
                    text.append(level.end)
                    offset = head.end
                    continue
                }
                separate(&levels, &text)
                offset = try append(head, reader, characterLimit, &levels, &text)
            } catch {
                return text + " …(\(error))"
            }
        }
        closeFinished(&levels, &text)
        return text
    }

    /// What the first item of `bytes` is, in a few words without its values: "a map of 9 entries", "a typed array of
    /// 512 bytes".
    public static func outline(of bytes: UnsafeRawBufferPointer) -> String {
        let reader = unsafe CBORReader(bytes)
        guard var head = try? reader.head(at: 0) else { return "bytes that are not CBOR" }
        var tag: UInt64?
        if head.major == .tag {
            tag = head.argument
            guard let inner = try? reader.head(at: head.end) else { return "bytes that are not CBOR" }
            head = inner
        }
        let count = head.isIndefinite ? "any number of" : "\(head.argument)"
        switch (head.major, tag) {
        case (.bytes, (64...87)?): return "a typed array of \(count) bytes"
        case (_, let tag?): return "an item of tag \(tag)"
        case (.unsigned, _), (.negative, _): return "an integer"
        case (.bytes, _): return "\(count) bytes"
        case (.text, _): return "a text of \(count) bytes"
        case (.array, _): return "an array of \(count) items"
        case (.map, _): return "a map of \(count) entries"
        default: return "a simple value or a number with a fraction"
        }
    }

    private static func closeFinished(_ levels: inout [Level], _ text: inout String) {
        while let level = levels.last, level.due == 0 {
            levels.removeLast()
            text.append(level.end)
        }
    }

    /// Writes what stands between the last item and the next.
    private static func separate(_ levels: inout [Level], _ text: inout String) {
        guard let last = levels.indices.last else {
            if !text.isEmpty { text += ", " }
            return
        }
        if levels[last].count > 0 { text += levels[last].isMap && levels[last].count % 2 == 1 ? ": " : ", " }
        levels[last].count += 1
        if let due = levels[last].due { levels[last].due = due - 1 }
    }

    private static func append(
        _ head: CBORHead, _ reader: CBORReader, _ characterLimit: Int, _ levels: inout [Level], _ text: inout String
    ) throws(CBORError) -> Int {
        switch head.major {
        case .unsigned: text += "\(head.argument)"
        case .negative:
            text += head.argument == .max ? "-18446744073709551616" : "-\(head.argument + 1)"
        case .bytes, .text:
            if head.isIndefinite {
                text += "(_ "
                try open(Level(due: nil, isMap: false, end: ")"), &levels, head)
                return head.end
            }
            guard let content = try reader.content(of: head) else { throw CBORError(.truncated, at: head.end) }
            try append(content, head, reader, characterLimit - text.utf8.count, to: &text)
            return content.upperBound
        case .array, .map:
            let isMap = head.major == .map
            text += (isMap ? "{" : "[") + (head.isIndefinite ? "_ " : "")
            let items = head.argument.multipliedReportingOverflow(by: isMap ? 2 : 1)
            guard !items.overflow, let due = Int(exactly: items.partialValue) else {
                throw CBORError(.truncated, at: head.end)
            }
            try open(
                Level(due: head.isIndefinite ? nil : due, isMap: isMap, end: isMap ? "}" : "]"), &levels, head)
        case .tag:
            text += "\(head.argument)("
            try open(Level(due: 1, isMap: false, end: ")"), &levels, head)
        case .simple: text += simple(head)
        }
        return head.end
    }

    /// Writes a string, or as much of it as there is room for.
    private static func append(
        _ content: Range<Int>, _ head: CBORHead, _ reader: CBORReader, _ room: Int, to text: inout String
    ) throws(CBORError) {
        if head.major == .text {
            guard content.count <= max(0, room) else {
                // Cut anywhere, also inside of a character, which is then mended.
                let part = unsafe UnsafeRawBufferPointer(
                    rebasing: reader.bytes[content.lowerBound..<content.lowerBound + max(0, room)])
                append(quoted: unsafe String(decoding: part, as: UTF8.self), to: &text)
                text += "…"
                return
            }
            append(quoted: try reader.text(head), to: &text)
            return
        }
        text += "h'"
        for offset in content.prefix(max(0, room / 2)) {
            let byte = unsafe reader.bytes[offset]
            text += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }
        text += content.count > room / 2 ? "…'" : "'"
    }

    private static func open(_ level: Level, _ levels: inout [Level], _ head: CBORHead) throws(CBORError) {
        guard levels.count < 512 else { throw CBORError(.tooDeep, at: head.end) }
        levels.append(level)
    }

    private static func simple(_ head: CBORHead) -> String {
        switch head.additional {
        case 25: return number(Double(HalfFloat.value(of: UInt16(truncatingIfNeeded: head.argument))))
        case 26: return number(Double(Float(bitPattern: UInt32(truncatingIfNeeded: head.argument))))
        case 27: return number(Double(bitPattern: head.argument))
        default: break
        }
        switch head.argument {
        case 20: return "false"
        case 21: return "true"
        case 22: return "null"
        case 23: return "undefined"
        default: return "simple(\(head.argument))"
        }
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
        let digits = "\(value)"
        // The notation has a point in every float: 1.0e+300, not 1e+300.
        guard let exponent = digits.firstIndex(of: "e"), !digits.contains(".") else { return digits }
        return digits[..<exponent] + ".0" + digits[exponent...]
    }

    private static func append(quoted value: String, to text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
