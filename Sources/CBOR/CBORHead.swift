/// The first bytes of every item: its major type and its argument (RFC 8949, section 3).
struct CBORHead {
    enum Major: UInt8 {
        case unsigned = 0, negative, bytes, text, array, map, tag, simple

        /// The upper three bits of an item's first byte.
        @inline(__always)
        init(of initial: UInt8) {
            switch initial >> 5 {
            case 0: self = .unsigned
            case 1: self = .negative
            case 2: self = .bytes
            case 3: self = .text
            case 4: self = .array
            case 5: self = .map
            case 6: self = .tag
            default: self = .simple
            }
        }
    }

    var major: Major
    /// The value, length, count or tag; for simple items the bits of the value.
    var argument: UInt64
    /// The low five bits of the first byte: how many bytes the argument has, or 31 for an indefinite length.
    var additional: UInt8
    /// The offset after the head.
    var end: Int

    /// The number, if the head is that of an integer.
    var number: Int128? {
        switch major {
        case .unsigned: Int128(argument)
        case .negative: -1 - Int128(argument)
        default: nil
        }
    }

    var isIndefinite: Bool { additional == 31 }
    var isBreak: Bool { major == .simple && additional == 31 }
    var isNull: Bool { major == .simple && (argument == 22 || argument == 23) && additional < 24 }
}

/// RFC 8746: arrays of numbers as one byte string.
struct TypedArrayTag {
    enum Element { case unsigned, signed, float }

    var element: Element
    /// Bytes of one element.
    var width: Int
    var isLittleEndian: Bool

    /// The form of a byte string without a tag.
    static let bytes = TypedArrayTag(element: .unsigned, width: 1, isLittleEndian: isNativeLittleEndian)

    /// Whether its elements are of `type`, in either byte order.
    func holds<Number: TypedArrayElement>(_ type: Number.Type) -> Bool {
        let own = TypedArrayTag(Number.tag)
        return own?.element == element && own?.width == width
    }

    var isBytes: Bool { element == .unsigned && width == 1 }

    #if _endian(little)
    static let isNativeLittleEndian = true
    #else
    static let isNativeLittleEndian = false
    #endif

    private init(element: Element, width: Int, isLittleEndian: Bool) {
        (self.element, self.width, self.isLittleEndian) = (element, width, isLittleEndian)
    }

    init?(_ tag: UInt64) {
        guard (64...87).contains(tag), tag != 76 else { return nil }
        let isFloat = tag & 0b10000 != 0
        let isSigned = tag & 0b01000 != 0
        let log = Int(tag & 0b11)
        element = isFloat ? .float : (isSigned ? .signed : .unsigned)
        width = (isFloat ? 2 : 1) << log
        isLittleEndian = tag & 0b100 != 0
        // Tag 68 is a clamped UInt8 array, which has plain bytes too. Floats of 16 bytes have no Swift type.
        guard width <= 8 else { return nil }
    }
}

extension Array<UInt8> {
    /// Appends the shortest head for `argument`.
    @inline(__always)
    mutating func appendHead(_ major: CBORHead.Major, _ argument: UInt64) {
        let type = major.rawValue << 5
        if argument < 24 {
            append(type | UInt8(argument))
        } else {
            appendLongHead(type, argument)
        }
    }

    private mutating func appendLongHead(_ type: UInt8, _ argument: UInt64) {
        if argument <= 0xFF {
            append(type | 24)
            append(UInt8(argument))
        } else if argument <= 0xFFFF {
            append(type | 25)
            appendBigEndian(UInt16(argument))
        } else if argument <= 0xFFFF_FFFF {
            append(type | 26)
            appendBigEndian(UInt32(argument))
        } else {
            append(type | 27)
            appendBigEndian(argument)
        }
    }

    @inline(__always)
    mutating func appendBigEndian<Integer: FixedWidthInteger & BitwiseCopyable>(_ integer: Integer) {
        unsafe Swift.withUnsafeBytes(of: integer.bigEndian) { unsafe append(contentsOf: $0) }
    }
}
