extension EncodingState {
    /// Notes where an error arose; on its way out it passes the containers around, whose paths are beginnings of that.
    func noteFailure(at node: Int) {
        let path = path(to: node)
        if failedPath.map(\.stringValue).starts(with: path.map(\.stringValue)) { return }
        failedPath = path
    }

    func tooDeep<Value>(_ value: Value, parent: Int, key: (any CodingKey)?) -> EncodingError {
        let path = (parent < 0 ? [] : path(to: parent)) + (key.map { [$0] } ?? [])
        let reason =
            depth(in: parent) < depthLimit
            ? "Values nest too deep for the stack of this thread, \(path.count) deep here."
            : "Values nest deeper than `depthLimit`, which is \(depthLimit)."
        return .invalidValue(value, .init(codingPath: path, debugDescription: reason))
    }

    func secondValue(_ node: Int) -> EncodingError {
        .invalidValue(
            (),
            .init(
                codingPath: path(to: node), debugDescription: "A value cannot be a single value after something else."))
    }

    /// What a container throws that there is none of: it was refused, or its value is done.
    var unusable: EncodingError {
        misuse
            ?? .invalidValue(
                (), .init(codingPath: [], debugDescription: "A container was used after its value was encoded."))
    }

    /// Has the value under way fail that `node` is in, for a call that cannot throw.
    func refuse(_ error: EncodingError, _ node: Int) -> Int {
        var owner = node
        while owner >= 0, !nodes[owner].isUnderWay { owner = nodes[owner].parent }
        if misuse == nil { (misuse, misuseOwner) = (error, owner) }
        return 0
    }

    func forgetMisuse(from node: Int) {
        if misuseOwner >= node { (misuse, misuseOwner) = (nil, -1) }
    }

    func refuse(_ node: Int, _ reason: String) -> Int {
        refuse(.invalidValue((), .init(codingPath: path(to: node), debugDescription: reason)), node)
    }
}
