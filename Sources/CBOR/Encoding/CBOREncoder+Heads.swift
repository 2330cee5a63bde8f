extension CBOREncoder {
    /// Appends the head of an array of `count` items, which the caller encodes after it one by one.
    ///
    /// ```swift
    /// CBOREncoder.appendArrayHead(count: 2, to: &buffer)
    /// try encoder.encode(first, appendingTo: &buffer)
    /// try encoder.encode(second, appendingTo: &buffer)
    /// ```
    public static func appendArrayHead(count: Int, to output: inout [UInt8]) {
        precondition(count >= 0, "An array has no negative count.")
        output.appendHead(.array, UInt64(count))
    }
}
