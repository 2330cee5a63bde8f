/// A member of the tree: a log of this process, or a reader of another log's directory.
protocol TreeMember: AnyObject, Sendable {
    /// Its place in the tree.
    var node: TreeNode<Self> { get }
}

/// A log's place in the tree: its parent and its children.
final class TreeNode<Member: TreeMember>: Sendable {
    /// A child, in this process or by its directory.
    enum Child: Sendable {
        case log(Member)
        /// The first update opens the reader; a later one opens it again if the last update failed.
        case directory(String, reader: Member?)
    }

    private struct State {
        weak var parent: Member?
        var children: [String: Child] = [:]
        /// How far this process has copied each child.
        var marks: [String: ChildMark] = [:]
    }

    let name: String
    let rank: Int
    private let state = Lock(State())

    init(name: String, rank: Int) {
        self.name = name
        self.rank = rank
    }

    var parent: Member? { state.withLock { $0.parent } }

    var children: [(name: String, child: Child)] {
        state.withLock { state in state.children.map { ($0.key, $0.value) } }.sorted { $0.name < $1.name }
    }

    /// Whether a checkpoint of `level` is passed up to a parent.
    func passesUp(_ level: Int) -> Bool { level > rank && parent != nil }

    /// The parent, if a checkpoint of `level` is passed up to it.
    func parent(passing level: Int) -> Member? { level > rank ? parent : nil }

    /// The nearest actor above that answers for `level`, or the topmost one, and the origin that this actor's records
    /// have there; nil when this actor answers itself.
    func actor(answering level: Int) -> (log: Member, origin: Origin)? {
        guard level > rank, var above = parent else { return nil }
        var origin = Origin(name)
        while above.node.rank < level, let next = above.node.parent {
            origin = origin.under(above.node.name)
            above = next
        }
        return (above, origin)
    }

    /// Makes `child` a child of `log`, whose node this is.
    func adopt(_ child: Member, below log: Member) throws {
        let node = child.node
        guard child !== log else { throw CheckpointLogError.invalidTree("An actor cannot be its own child.") }
        try checkName(node.name)
        guard node.rank < rank else {
            throw CheckpointLogError.invalidTree(
                "\"\(node.name)\" has rank \(node.rank) and its parent \(rank); a parent's rank is greater.")
        }
        var above: Member? = log
        while let next = above {
            guard next !== child else {
                throw CheckpointLogError.invalidTree("\"\(node.name)\" would be its own parent.")
            }
            above = next.node.parent
        }
        try state.withLock { state in
            guard state.children[node.name] == nil else { throw Self.nameIsTaken(node.name) }
            state.children[node.name] = .log(child)
        }
        let isFree = node.state.withLock { state in
            guard state.parent == nil else { return false }
            state.parent = log
            return true
        }
        guard isFree else {
            state.withLock { $0.children[node.name] = nil }
            throw CheckpointLogError.invalidTree("\"\(node.name)\" has a parent already; deregister it there first.")
        }
    }

    func adopt(directory: String, name: String) throws {
        try checkName(name)
        try state.withLock { state in
            guard state.children[name] == nil else { throw Self.nameIsTaken(name) }
            state.children[name] = .directory(directory, reader: nil)
        }
    }

    /// Keeps the reader of a child's directory for the next update, or drops it.
    func setReader(_ reader: Member?, of name: String) {
        state.withLock { state in
            guard case .directory(let path, _) = state.children[name] else { return }
            state.children[name] = .directory(path, reader: reader)
        }
    }

    /// Lets a child go; false if there is none of that name.
    func release(_ name: String) -> Child? {
        let child = state.withLock { state in
            // A child with the same name may be another log.
            state.marks[name] = nil
            return state.children.removeValue(forKey: name)
        }
        if case .log(let log) = child { log.node.state.withLock { $0.parent = nil } }
        return child
    }

    /// The readers of children's directories, taken away from an actor that closes.
    func removeReaders() -> [Member] {
        state.withLock { state in
            var readers: [Member] = []
            for (name, child) in state.children {
                guard case .directory(let path, let reader?) = child else { continue }
                readers.append(reader)
                state.children[name] = .directory(path, reader: nil)
            }
            return readers
        }
    }

    func mark(of child: String) -> ChildMark? { state.withLock { $0.marks[child] } }

    /// The mark that the log has, or the same one as this process knows it, which lists all exceptions where the log
    /// has no room.
    func mark(of child: String, orFuller stored: ChildMark?) -> ChildMark? {
        guard let stored, let known = mark(of: child), known.log == stored.log,
            known.appendNumber == stored.appendNumber, known.position == stored.position
        else { return stored }
        return known
    }

    func setMark(_ mark: ChildMark, of child: String) { state.withLock { $0.marks[child] = mark } }

    private func checkName(_ name: String) throws {
        guard !name.isEmpty, name.utf8.count <= 255, !name.utf8.contains(UInt8(ascii: "/")) else {
            throw CheckpointLogError.invalidTree(
                "A child needs a name of 1 to 255 bytes without a slash; set `configuration.name` at its opening.")
        }
    }

    private static func nameIsTaken(_ name: String) -> CheckpointLogError {
        .invalidTree("There is a child named \"\(name)\" already; names tell the records of children apart.")
    }
}
