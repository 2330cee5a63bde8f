import TestSupport

/// A program of calls on the containers of an encoder, as the `encode(to:)` of a value and of those inside of it.
///
/// Containers are numbered, and one that a value has asked for can be used by the values in it.
struct CallProgram {
    enum Kind { case keyed, unkeyed }

    indirect enum Value {
        case number(Int)
        case text(String)
        case numbers([Int])
        case texts([String])
        case table([String: Int])
        case body(Body)
    }

    indirect enum Step {
        /// Goes on where the value fails.
        case encode(Value, into: Int, key: String?)
        /// Many items at once, so that counts need longer heads and keys more room.
        case encodeMany(Int, into: Int, prefix: String?)
        case nested(Kind, in: Int, key: String?, name: Int)
        /// The value's own encoder is asked for its container once more.
        case again(Kind, encoder: Int, name: Int)
        /// An encoder for a place of its own, whose value is encoded at once or, by `late`, when the value around is
        /// done otherwise.
        case superEncoder(Body, in: Int, key: String?, late: Bool)
    }

    enum Shape {
        case container(Kind, name: Int)
        /// A single value, after another that has failed at once.
        case single(Value, afterFailure: Bool)
    }

    /// What one `encode(to:)` does: its shape, then the steps, or for a single value the steps first.
    struct Body {
        var encoder: Int
        var shape: Shape
        var steps: [Step]
        var fails = false
    }

    var body: Body
    /// Whether no value uses a container of one around it, fills the place of a super encoder late, or fails with a
    /// container open. Each of these can end the process in the coders of Foundation, or have them put what has failed
    /// in place of the next value.
    var isOrderly = true
}

// MARK: Running

extension CallProgram: Encodable {
    struct Failure: Error {}

    struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { return nil }
    }

    /// The containers of one run, by their numbers.
    final class Run {
        var keyed: [Int: KeyedEncodingContainer<AnyKey>] = [:]
        var unkeyed: [Int: any UnkeyedEncodingContainer] = [:]
        var encoders: [Int: any Encoder] = [:]
        var late: [(body: Body, encoder: any Encoder)] = []

        /// Lets go of what a value asked for: `JSONEncoder` puts what a super encoder encoded in its place when that is
        /// let go.
        func forget(after other: Set<Int>) {
            keyed = keyed.filter { other.contains($0.key) }
            unkeyed = unkeyed.filter { other.contains($0.key) }
            encoders = encoders.filter { other.contains($0.key) }
        }

        var names: Set<Int> { Set(keyed.keys).union(unkeyed.keys).union(encoders.keys) }
    }

    struct RunBody: Encodable {
        var body: Body
        var run: Run
        func encode(to encoder: any Encoder) throws { try body.encode(to: encoder, run) }
    }

    func encode(to encoder: any Encoder) throws { try body.encode(to: encoder, Run()) }
}

extension CallProgram.Body {
    func encode(to encoder: any Encoder, _ run: CallProgram.Run) throws {
        let (names, lateBefore) = (run.names, run.late)
        defer { run.forget(after: names) }
        run.encoders[self.encoder] = encoder
        run.late = []
        switch shape {
        case .container(.keyed, let name): run.keyed[name] = encoder.container(keyedBy: CallProgram.AnyKey.self)
        case .container(.unkeyed, let name): run.unkeyed[name] = encoder.unkeyedContainer()
        case .single: break
        }
        for step in steps { try step.carryOut(run) }
        while let (body, encoder) = run.late.popLast() { try body.encode(to: encoder, run) }
        run.late = lateBefore
        if case .single(let value, let afterFailure) = shape {
            var single = encoder.singleValueContainer()
            if afterFailure { try? single.encode(CallProgram.AtOnce()) }
            try value.encode(run) { try single.encode($0) }
        }
        if fails { throw CallProgram.Failure() }
    }
}

extension CallProgram {
    struct AtOnce: Encodable { func encode(to encoder: any Encoder) throws { throw Failure() } }
}

extension CallProgram.Value {
    var fails: Bool { if case .body(let body) = self { body.fails } else { false } }

    func encode(_ run: CallProgram.Run, _ encode: (any Encodable) throws -> Void) throws {
        switch self {
        case .number(let value): try encode(value)
        case .text(let value): try encode(value)
        case .numbers(let value): try encode(value)
        case .texts(let value): try encode(value)
        case .table(let value): try encode(value)
        case .body(let body): try encode(CallProgram.RunBody(body: body, run: run))
        }
    }
}

extension CallProgram.Step {
    /// A step whose container is not there, since the one that made it was taken out, does nothing.
    func carryOut(_ run: CallProgram.Run) throws {
        // Copies, which stand for the same container: the calls may come back here.
        var (keyed, unkeyed) = (run.keyed[target], run.unkeyed[target])
        switch self {
        case .encode(let value, _, let key):
            do {
                try value.encode(run) { value in
                    if let key { try keyed?.encode(value, forKey: .init(key)) } else { try unkeyed?.encode(value) }
                }
            } catch  where value.fails {}
        case .encodeMany(let count, _, let prefix):
            for number in 0..<count {
                if let prefix {
                    try keyed?.encode(number, forKey: .init("\(prefix)\(number)"))
                } else {
                    try unkeyed?.encode(number)
                }
            }
        case .nested(.keyed, _, let key, let name):
            run.keyed[name] =
                key.map { keyed?.nestedContainer(keyedBy: CallProgram.AnyKey.self, forKey: .init($0)) }
                ?? unkeyed?.nestedContainer(keyedBy: CallProgram.AnyKey.self)
        case .nested(.unkeyed, _, let key, let name):
            run.unkeyed[name] =
                key.map { keyed?.nestedUnkeyedContainer(forKey: .init($0)) } ?? unkeyed?.nestedUnkeyedContainer()
        case .again(.keyed, let encoder, let name):
            run.keyed[name] = run.encoders[encoder]?.container(keyedBy: CallProgram.AnyKey.self)
        case .again(.unkeyed, let encoder, let name):
            run.unkeyed[name] = run.encoders[encoder]?.unkeyedContainer()
        case .superEncoder(let body, _, let key, let late):
            let encoder = key.map { keyed?.superEncoder(forKey: .init($0)) } ?? unkeyed?.superEncoder()
            guard let encoder else { return }
            if late { run.late.append((body, encoder)) } else { try body.encode(to: encoder, run) }
        }
    }

    private var target: Int {
        switch self {
        case .encode(_, let name, _), .encodeMany(_, let name, _), .nested(_, let name, _, _), .again(_, let name, _),
            .superEncoder(_, let name, _, _):
            name
        }
    }
}

// MARK: Making

extension CallProgram {
    /// What is known of a container while a program is made: what its keys are used for, so that no coder is asked for
    /// what does not fit.
    private final class Place {
        enum Use { case value, keyed, unkeyed, once }
        var uses: [String: Use] = [:]
        var inner: [String: Place] = [:]
    }

    struct Maker {
        var generator: SeededGenerator
        private var lastName = 0
        /// What can be used, from the outside in.
        private var scope: [(name: Int, kind: Kind, place: Place)] = []
        private var budget = 0
        /// Where in `scope` the containers of the value begin whose steps are made.
        private var ownStart = 0
        private var isOrderly = true

        init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

        mutating func program() -> CallProgram {
            (lastName, scope, budget) = (0, [], 2 + generator.number(below: 30))
            (ownStart, isOrderly) = (0, true)
            // A property list is an array or a dictionary.
            let body = body(depth: 0, mayBeSingle: false, mayFail: false)
            return CallProgram(body: body, isOrderly: isOrderly)
        }

        private mutating func name() -> Int {
            lastName += 1
            return lastName
        }

        private mutating func kind() -> Kind { generator.isOne(in: 2) ? .keyed : .unkeyed }

        private mutating func body(depth: Int, mayBeSingle: Bool, mayFail: Bool) -> Body {
            let (known, encoder, outerStart) = (scope.count, name(), ownStart)
            ownStart = known
            defer {
                scope.removeLast(scope.count - known)
                ownStart = outerStart
            }
            let fails = mayFail && generator.isOne(in: 3)
            if fails { isOrderly = false }
            guard !mayBeSingle || !generator.isOne(in: 4) else {
                let afterFailure = generator.isOne(in: 3)
                let steps = generator.isOne(in: 2) ? [] : self.steps(depth, nil)
                let value = value(depth: depth + 1, mayFail: false)
                return Body(
                    encoder: encoder, shape: .single(value, afterFailure: afterFailure), steps: steps,
                    fails: fails)
            }
            let (kind, name, place) = (kind(), name(), Place())
            scope.append((name, kind, place))
            let steps = steps(depth, (encoder, kind, place))
            return Body(
                encoder: encoder, shape: .container(kind, name: name), steps: steps,
                fails: fails)
        }

        private mutating func value(depth: Int, mayFail: Bool) -> Value {
            switch generator.number(below: depth < 5 ? 9 : 5) {
            case 0: return .number(generator.number(below: 1000) - 500)
            case 1: return .text("t\(generator.number(below: 100))")
            case 2: return .numbers((0..<generator.number(below: 4)).map { $0 * 100 })
            case 3: return .texts((0..<generator.number(below: 3)).map { "s\($0)" })
            case 4:
                return .table(Dictionary(uniqueKeysWithValues: (0..<generator.number(below: 3)).map { ("k\($0)", $0) }))
            default: return .body(body(depth: depth, mayBeSingle: true, mayFail: mayFail))
            }
        }

        private mutating func steps(_ depth: Int, _ own: (encoder: Int, kind: Kind, place: Place)?) -> [Step] {
            var steps: [Step] = []
            for _ in 0..<generator.number(below: 7) where budget > 0 {
                budget -= 1
                guard let step = step(depth, own) else { continue }
                steps.append(step)
            }
            return steps
        }

        private mutating func step(_ depth: Int, _ own: (encoder: Int, kind: Kind, place: Place)?) -> Step? {
            guard !scope.isEmpty else { return nil }
            // Mostly one of the newest, now and then one far outside.
            let back =
                generator.isOne(in: 4)
                ? generator.number(below: scope.count) : generator.number(below: min(3, scope.count))
            let target = scope[scope.count - 1 - back]
            if scope.count - 1 - back < ownStart { isOrderly = false }
            let choice = generator.number(below: 12)
            if choice == 0, let own {
                let name = name()
                scope.append((name, own.kind, own.place))
                return .again(own.kind, encoder: own.encoder, name: name)
            }
            let key =
                target.kind == .keyed
                ? "\(["a", "b", "c", "d", "key", "a longer key"][generator.number(below: 6)])" : nil
            let use = key.flatMap { target.place.uses[$0] }
            switch choice {
            case 1...2:
                let kind = kind()
                let wanted: Place.Use = kind == .keyed ? .keyed : .unkeyed
                guard use == nil || use == wanted else { return nil }
                let name = name()
                let inner = key.flatMap { target.place.inner[$0] } ?? Place()
                if let key { (target.place.uses[key], target.place.inner[key]) = (wanted, inner) }
                scope.append((name, kind, inner))
                return .nested(kind, in: target.name, key: key, name: name)
            case 3 where use == nil:
                if let key { target.place.uses[key] = .once }
                let late = generator.isOne(in: 2)
                if late { isOrderly = false }
                let inner = body(depth: depth + 1, mayBeSingle: true, mayFail: false)
                return .superEncoder(inner, in: target.name, key: key, late: late)
            case 4 where generator.isOne(in: 3):
                let prefix = key.map { "\($0)-" }
                return .encodeMany(10 + generator.number(below: 30), into: target.name, prefix: prefix)
            default:
                guard use == nil || use == .value else { return nil }
                if let key { target.place.uses[key] = .once }
                let value = value(depth: depth + 1, mayFail: true)
                // Of one that has failed there may be nothing under the key.
                if let key { target.place.uses[key] = value.fails ? use : .value }
                return .encode(value, into: target.name, key: key)
            }
        }
    }
}
