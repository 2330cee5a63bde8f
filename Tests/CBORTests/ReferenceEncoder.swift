/// An encoder that is too simple to be wrong, and slow: every value has an object of its own, at its place from the
/// beginning.
///
/// For programs that end the process in `JSONEncoder` and `PropertyListEncoder`, which do not expect a container to be
/// used while a value inside of it is under way. Where those answer, they are what is asked; this one has to give the
/// same.
struct ReferenceEncoder: Encoder {
    final class Place {
        enum Content {
            case empty
            case value(JSONValue)
            case array([Place])
            case map([String: Place])
        }
        var content = Content.empty

        var value: JSONValue {
            switch content {
            case .empty: .object([:])
            case .value(let value): value
            case .array(let places): .array(places.map(\.value))
            case .map(let places): .object(places.mapValues(\.value))
            }
        }

        func append(_ place: Place) {
            guard case .array(let places) = content else { preconditionFailure("It is no array.") }
            content = .array(places + [place])
        }

        func set(_ key: String, _ place: Place) {
            guard case .map(var places) = content else { preconditionFailure("It is no map.") }
            places[key] = place
            content = .map(places)
        }

        subscript(key: String) -> Place? {
            guard case .map(let places) = content else { preconditionFailure("It is no map.") }
            return places[key]
        }
    }

    let place: Place
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    static func encode(_ value: some Encodable) throws -> JSONValue { try place(of: value).value }

    fileprivate static func place(of value: some Encodable) throws -> Place {
        let place = Place()
        switch value {
        case let value as Int: place.content = .value(.integer(Int64(value)))
        case let value as String: place.content = .value(.text(value))
        default: try value.encode(to: ReferenceEncoder(place: place))
        }
        return place
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        if case .empty = place.content { place.content = .map([:]) }
        return KeyedEncodingContainer(Keyed(place: place))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        if case .empty = place.content { place.content = .array([]) }
        return Unkeyed(place: place)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { Single(place: place) }

    private struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
        let place: Place
        var codingPath: [any CodingKey] { [] }

        func encodeNil(forKey key: Key) throws { preconditionFailure("No program encodes nil.") }

        func encode(_ value: some Encodable, forKey key: Key) throws {
            place.set(key.stringValue, try ReferenceEncoder.place(of: value))
        }

        private func encoder(_ key: Key, again: Bool) -> ReferenceEncoder {
            if again, let inner = place[key.stringValue] { return ReferenceEncoder(place: inner) }
            let inner = Place()
            place.set(key.stringValue, inner)
            return ReferenceEncoder(place: inner)
        }

        func nestedContainer<Nested: CodingKey>(
            keyedBy type: Nested.Type, forKey key: Key
        ) -> KeyedEncodingContainer<Nested> {
            encoder(key, again: true).container(keyedBy: type)
        }

        func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
            encoder(key, again: true).unkeyedContainer()
        }

        func superEncoder() -> any Encoder { preconditionFailure("Every program names its key.") }
        func superEncoder(forKey key: Key) -> any Encoder { encoder(key, again: false) }
    }

    private struct Unkeyed: UnkeyedEncodingContainer {
        let place: Place
        var codingPath: [any CodingKey] { [] }
        var count: Int { 0 }

        func encodeNil() throws { preconditionFailure("No program encodes nil.") }
        func encode(_ value: some Encodable) throws { place.append(try ReferenceEncoder.place(of: value)) }

        private func encoder() -> ReferenceEncoder {
            let inner = Place()
            place.append(inner)
            return ReferenceEncoder(place: inner)
        }

        func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
            encoder().container(keyedBy: type)
        }

        func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { encoder().unkeyedContainer() }
        func superEncoder() -> any Encoder { encoder() }
    }

    private struct Single: SingleValueEncodingContainer {
        let place: Place
        var codingPath: [any CodingKey] { [] }

        func encodeNil() throws { preconditionFailure("No program encodes nil.") }

        func encode(_ value: some Encodable) throws {
            place.content = try ReferenceEncoder.place(of: value).content
        }
    }
}
