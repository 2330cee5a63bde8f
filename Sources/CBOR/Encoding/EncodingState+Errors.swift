/// Each error is made in a function of its own and thrown as `any Error`. Only the standard library knows the size of
/// an `EncodingError`, and a function that has one asks for the size whether it fails or not.
extension EncodingState {
    /// Notes where an error arose. On its way out the error passes containers whose paths are beginnings of this one.
    func noteFailure(at node: Int) {
        let path = path(to: node)
        if failedPath.map(\.stringValue).starts(with: path.map(\.stringValue)) { return }
        failedPath = path
    }

    @inline(never)
    func tooDeep<Value>(_ value: Value, parent: Int, key: some CodingKey) -> any Error {
        let path = (parent < 0 ? [] : path(to: parent)) + (key is NoKey ? [] : [key])
        let reason =
            depth(in: parent) < depthLimit
            ? "Values nest too deep for the stack of this thread, \(path.count) deep here."
            : "Values nest deeper than `depthLimit`, which is \(depthLimit)."
        return EncodingError.invalidValue(value, .init(codingPath: path, debugDescription: reason))
    }

    @inline(never)
    func nothingEncoded<Value>(_ value: Value) -> any Error {
        EncodingError.invalidValue(
            value, .init(codingPath: [], debugDescription: "\(Value.self) encoded no value."))
    }

    @inline(never)
    func differs<Value>(_ value: Value) -> any Error {
        let reason =
            "\(Value.self), or a type in it, writes its own map, and another than its `encode(to:)` does: leave "
            + "`encode(to:)` to the compiler, or take `@Checkpointable` or the conformance to `CBORMapEncodable` away."
        return EncodingError.invalidValue(value, .init(codingPath: [], debugDescription: reason))
    }

    @inline(never)
    func secondValue(_ node: Int) -> any Error {
        EncodingError.invalidValue(
            (),
            .init(
                codingPath: path(to: node), debugDescription: "A value cannot be a single value after something else."))
    }

    /// The error of a container that does not exist: the request for it was refused, or its value is complete.
    var unusable: any Error {
        misuse
            ?? EncodingError.invalidValue(
                (), .init(codingPath: [], debugDescription: "A container was used after its value was encoded."))
    }

    /// Makes the value that contains `node` fail, on behalf of a call that cannot throw.
    func refuse(_ error: any Error, _ node: Int) -> Int {
        var owner = node
        while owner >= 0, !nodes[owner].isUnderWay { owner = nodes[owner].parent }
        if misuse == nil { (misuse, misuseOwner) = (error, owner) }
        return 0
    }

    func forgetMisuse(from node: Int) {
        if misuseOwner >= node { (misuse, misuseOwner) = (nil, -1) }
    }

    func refuse(_ node: Int, _ reason: String) -> Int {
        refuse(EncodingError.invalidValue((), .init(codingPath: path(to: node), debugDescription: reason)), node)
    }
}
