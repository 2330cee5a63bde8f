/// `Array`, whose own `encode(to:)` would hand over each element through a container that the standard library does not
/// know.
protocol ElementwiseEncodable: Encodable {
    func encodeElements(to place: Int, of state: EncodingState) throws
}

extension Array: ElementwiseEncodable where Element: Encodable {
    func encodeElements(to place: Int, of state: EncodingState) throws {
        let container = UnkeyedWriter(state: state, place: place)
        for element in self { try container.encode(element) }
    }
}

extension EncodingState {
    /// The form of `type` if it is `Array`.
    @inline(never)
    func elementwise(_ type: Any.Type) -> (any ElementwiseEncodable.Type)? {
        if let lastArray, lastArray.type == type { return lastArray.form }
        let form = type as? any ElementwiseEncodable.Type
        lastArray = (type, form)
        return form
    }

    /// - Precondition: `array` is `Value`.
    func encode<Value, Elements: ElementwiseEncodable>(
        _ value: Value, as array: Elements.Type, parent: Int, key: some CodingKey
    ) throws {
        let elements = unsafe unsafeBitCast(value, to: array)
        try encodeContainer(value, as: .array, parent: parent, key: key) {
            try elements.encodeElements(to: $0, of: self)
        }
    }
}
