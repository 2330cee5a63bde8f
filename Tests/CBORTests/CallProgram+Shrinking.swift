extension CallProgram {
    /// The program with as much taken out as `isBad` still holds without.
    func smallest(_ isBad: (CallProgram) -> Bool) -> CallProgram {
        var smallest = self
        while let smaller = smallest.body.smaller.lazy.map({ CallProgram(body: $0, isOrderly: isOrderly) }).first(
            where: isBad)
        {
            smallest = smaller
        }
        return smallest
    }
}

extension CallProgram.Body {
    /// Programs with a little less.
    fileprivate var smaller: [CallProgram.Body] {
        var all: [CallProgram.Body] = []
        func add(_ change: (inout CallProgram.Body) -> Void) {
            var copy = self
            change(&copy)
            all.append(copy)
        }
        if fails { add { $0.fails = false } }
        if steps.count > 3 {
            add { $0.steps.removeFirst(steps.count / 2) }
            add { $0.steps.removeLast(steps.count / 2) }
        }
        for index in steps.indices {
            add { $0.steps.remove(at: index) }
            for step in steps[index].smaller { add { $0.steps[index] = step } }
        }
        if case .single(let value, let afterFailure) = shape {
            if afterFailure { add { $0.shape = .single(value, afterFailure: false) } }
            for value in value.smaller { add { $0.shape = .single(value, afterFailure: afterFailure) } }
        }
        return all
    }
}

extension CallProgram.Value {
    fileprivate var smaller: [CallProgram.Value] {
        switch self {
        case .number: []
        case .text, .numbers, .texts, .table: [.number(0)]
        case .body(let body): [.number(0)] + body.smaller.map { .body($0) }
        }
    }
}

extension CallProgram.Step {
    fileprivate var smaller: [CallProgram.Step] {
        switch self {
        case .encode(let value, let name, let key): value.smaller.map { .encode($0, into: name, key: key) }
        case .encodeMany(let count, let name, let prefix):
            count > 1
                ? [
                    .encodeMany(count / 2, into: name, prefix: prefix),
                    .encodeMany(count - 1, into: name, prefix: prefix),
                ] : []
        case .superEncoder(let body, let outer, let key, let late):
            body.smaller.map { .superEncoder($0, in: outer, key: key, late: late) }
        case .nested, .again: []
        }
    }
}

// MARK: As Swift

extension CallProgram: CustomStringConvertible {
    var description: String { "struct Program: Encodable {\n" + body.lines.map { "    \($0)\n" }.joined() + "}" }
}

extension CallProgram.Kind {
    fileprivate var call: String { self == .keyed ? "container(keyedBy: AnyKey.self)" : "unkeyedContainer()" }
}

extension CallProgram.Body {
    fileprivate var lines: [String] {
        var lines: [String] = []
        var late: [String] = []
        if case .container(let kind, let name) = shape {
            lines.append("var c\(name) = e\(encoder).\(kind.call)")
        }
        for step in steps {
            if case .superEncoder(let body, _, _, true) = step { late = body.lines + late }
            lines += step.lines
        }
        lines += late
        if case .single(let value, let afterFailure) = shape {
            lines.append("var s\(encoder) = e\(encoder).singleValueContainer()")
            if afterFailure { lines.append("try? s\(encoder).encode(AtOnce())") }
            lines += value.call("try s\(encoder).encode", "")
        }
        if fails { lines.append("throw Failure()") }
        return ["func encode(to e\(encoder): any Encoder) throws {"] + lines.map { "    " + $0 } + ["}"]
    }
}

extension CallProgram.Value {
    fileprivate func call(_ function: String, _ rest: String) -> [String] {
        switch self {
        case .number(let value): ["\(function)(\(value)\(rest))"]
        case .text(let value): ["\(function)(\"\(value)\"\(rest))"]
        case .numbers(let value): ["\(function)(\(value)\(rest))"]
        case .texts(let value): ["\(function)(\(value)\(rest))"]
        case .table(let value): ["\(function)(\(value)\(rest))"]
        case .body(let body): ["\(function)(By {"] + body.lines.map { "    " + $0 } + ["}\(rest))"]
        }
    }
}

extension CallProgram.Step {
    fileprivate var lines: [String] {
        func label(_ key: String?) -> String { key.map { "forKey: \"\($0)\"" } ?? "" }
        switch self {
        case .encode(let value, let name, let key):
            return value.call("\(value.fails ? "try?" : "try") c\(name).encode", key == nil ? "" : ", " + label(key))
        case .encodeMany(let count, let name, let prefix):
            let key = prefix.map { ", forKey: \"\($0)\\(number)\"" } ?? ""
            return ["for number in 0..<\(count) { try c\(name).encode(number\(key)) }"]
        case .nested(let kind, let outer, let key, let name):
            let rest = [kind == .keyed ? "keyedBy: AnyKey.self" : "", label(key)].filter { !$0.isEmpty }
            let call = kind == .keyed ? "nestedContainer" : "nestedUnkeyedContainer"
            return ["var c\(name) = c\(outer).\(call)(\(rest.joined(separator: ", ")))"]
        case .again(let kind, let encoder, let name):
            return ["var c\(name) = e\(encoder).\(kind.call)"]
        case .superEncoder(let body, let outer, let key, let late):
            let line = "let e\(body.encoder) = c\(outer).superEncoder(\(label(key)))"
            return [line] + (late ? [] : body.lines)
        }
    }
}
