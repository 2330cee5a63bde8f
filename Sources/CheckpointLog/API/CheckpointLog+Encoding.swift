internal import CBOR

extension CheckpointLog {
    static func encode<Value: Codable>(
        _ value: Value, for key: CheckpointKey, into buffer: CBOREncodingBuffer
    ) throws -> FrameHeader.Flags {
        do {
            try buffer.encode(value)
            return []
        } catch {
            throw Self.refusal(error, key, buffer)
        }
    }

    /// Encodes one value as an item, and several or none as an array.
    static func encode<each Value: Codable>(
        _ values: repeat each Value, for key: CheckpointKey, into buffer: CBOREncodingBuffer
    ) throws -> FrameHeader.Flags {
        var count = 0
        for _ in repeat (each Value).self { count += 1 }
        if count != 1 { buffer.appendArrayHead(count: count) }
        do {
            // Not a loop: that would copy each value first.
            _ = (repeat try buffer.encode(each values))
        } catch {
            throw Self.refusal(error, key, buffer)
        }
        return count == 1 ? [] : .severalValues
    }

    private static func refusal(
        _ error: any Error, _ key: CheckpointKey, _ buffer: CBOREncodingBuffer
    ) -> CheckpointLogError {
        if let error = error as? CBORError, error.reason == .overByteLimit {
            return .valueTooLarge(byteCount: error.offset, limit: nil, setting: "valueByteLimit")
        }
        return .encodingFailed(key: key, path: buffer.failedCodingPath, cause: error)
    }
}
