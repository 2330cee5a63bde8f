import CBOR
import Foundation
import Testing

/// Containers that are used in any order, beside values that fail: held against `JSONEncoder`, or against what is right
/// where that one ends the process.
@Suite struct ContainerCallsTests {
    enum Key: String, CodingKey { case a, b, c, list, other, rows, names, top }

    /// A value that encodes itself by a closure.
    struct By: Encodable {
        let body: (any Encoder) throws -> Void
        init(_ body: @escaping (any Encoder) throws -> Void) { self.body = body }
        func encode(to encoder: any Encoder) throws { try body(encoder) }
    }

    struct Failure: Error {}

    /// A value that fails after it has written something.
    static var thrower: By {
        By { encoder in
            var container = encoder.container(keyedBy: Key.self)
            try container.encode("half", forKey: .a)
            var nested = container.nestedUnkeyedContainer(forKey: .b)
            try nested.encode(1)
            throw Failure()
        }
    }

    /// What `body` encodes, as CBOR and as JSON; `expected` is JSON.
    func expect(_ expected: String, inJSON: Bool = true, _ body: @escaping (any Encoder) throws -> Void) throws {
        let value = try JSONDecoder().decode(JSONValue.self, from: Data(expected.utf8))
        let bytes = try CBOREncoder().encode(By(body))
        try CBORValidation.check(bytes)
        #expect(try CBORDecoder().decode(AnyItem.self, from: bytes).value == value)
        guard inJSON else { return }
        #expect(try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(By(body))) == value)
    }

    /// The coding path of the error with which `body` fails.
    func failure(_ encoder: CBOREncoder = CBOREncoder(), _ body: @escaping (any Encoder) throws -> Void) -> [String]? {
        do {
            let bytes = try encoder.encode(By(body))
            Issue.record("It was encoded, as \(bytes).")
        } catch EncodingError.invalidValue(_, let context) {
            return context.codingPath.map(\.stringValue)
        } catch {
            Issue.record("It failed with \(error).")
        }
        return nil
    }

    /// JSON keeps in place of the next value what the failed one had written.
    @Test(arguments: [false, true]) func aSingleValueThatFailsLeavesRoomForAnother(hasWritten: Bool) throws {
        let failing = hasWritten ? Self.thrower : By { _ in throw Failure() }
        try expect(#""x""#, inJSON: !hasWritten) { encoder in
            var single = encoder.singleValueContainer()
            do { try single.encode(failing) } catch { try single.encode("x") }
        }
        try expect(#"[{"a": "x"}]"#, inJSON: !hasWritten) { encoder in
            var list = encoder.unkeyedContainer()
            try list.encode(
                By { encoder in
                    var single = encoder.singleValueContainer()
                    do { try single.encode(failing) } catch { try single.encode(["a": "x"]) }
                })
        }
        try expect(#"{"a": "fallback", "b": 5}"#, inJSON: !hasWritten) { encoder in
            var container = encoder.container(keyedBy: Key.self)
            let (first, second) = (container.superEncoder(forKey: .a), container.superEncoder(forKey: .b))
            var single = first.singleValueContainer()
            do { try single.encode(failing) } catch { try single.encode("fallback") }
            try 5.encode(to: second)
        }
    }

    @Test func aValueThatFailsLeavesItsNeighboursAlone() throws {
        for hasOther in [false, true] {
            try expect(hasOther ? #"{"list": [1, 2], "a": "s", "other": [100]}"# : #"{"list": [1, 2], "a": "s"}"#) {
                var container = $0.container(keyedBy: Key.self)
                var list = container.nestedUnkeyedContainer(forKey: .list)
                try list.encode(1)
                try container.encode("s", forKey: .a)
                try? container.encode(Self.thrower, forKey: .b)
                if hasOther {
                    var other = container.nestedUnkeyedContainer(forKey: .other)
                    try other.encode(100)
                }
                try list.encode(2)
            }
        }
    }

    @Test func superEncodersAreFilledLate() throws {
        // JSON puts each in its place when the encoder is let go.
        try expect(#"["one", "two", {}]"#, inJSON: false) { encoder in
            var list = encoder.unkeyedContainer()
            let encoders = (0..<3).map { _ in list.superEncoder() }
            try "two".encode(to: encoders[1])
            try "one".encode(to: encoders[0])
        }
    }

    @Test func aReplacementThatFailsReplacesNothing() throws {
        try expect(#"{"b": "default"}"#) { encoder in
            var container = encoder.container(keyedBy: Key.self)
            try container.encode("default", forKey: .b)
            try? container.encode(Self.thrower, forKey: .b)
        }
    }

    @Test func aContainerAskedForAgainGoesOn() throws {
        try expect(#"{"top": {"a": 1, "b": 2}, "list": [1, 2], "c": 3}"#) { encoder in
            var container = encoder.container(keyedBy: Key.self)
            var first = container.nestedContainer(keyedBy: Key.self, forKey: .top)
            try first.encode(1, forKey: .a)
            var list = container.nestedUnkeyedContainer(forKey: .list)
            try list.encode(1)
            var second = container.nestedContainer(keyedBy: Key.self, forKey: .top)
            try second.encode(2, forKey: .b)
            var again = container.nestedUnkeyedContainer(forKey: .list)
            try again.encode(2)
            var same = encoder.container(keyedBy: Key.self)
            try same.encode(3, forKey: .c)
        }
        // A value and what is added to it: maps, and arrays in each of their forms.
        try expect(#"{"c": {"a": 2, "b": 1}}"#) { encoder in
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(["a": 1, "b": 1], forKey: .c)
            var again = container.nestedContainer(keyedBy: Key.self, forKey: .c)
            try again.encode(2, forKey: .a)
        }
        try expect(#"{"a": [1, 2, 3], "b": ["x", "y"], "c": [200, 7], "list": [0.5, 1], "top": [{"a": 1}, 2]}"#) {
            var container = $0.container(keyedBy: Key.self)
            func add(_ value: some Encodable, _ more: some Encodable, _ key: Key) throws {
                try container.encode(value, forKey: key)
                var list = container.nestedUnkeyedContainer(forKey: key)
                try list.encode(more)
            }
            try add([1, 2], 3, .a)
            try add(["x"], "y", .b)
            try add([200] as [UInt8], 7, .c)
            try add([0.5], 1, .list)
            try add([["a": 1]], 2, .top)
        }
        try expect(#"{"a": "c", "other": "foo"}"#) { encoder in
            var single = encoder.singleValueContainer()
            try single.encode(["a": "b", "other": "foo"])
            var container = encoder.container(keyedBy: Key.self)
            try container.encode("c", forKey: .a)
        }
    }

    @Test func whatIsClosedEmptyKeepsItsKind() throws {
        try expect(#"{"rows": [[]], "names": []}"#) { encoder in
            var container = encoder.container(keyedBy: Key.self)
            var rows = container.nestedUnkeyedContainer(forKey: .rows)
            let names = container.nestedUnkeyedContainer(forKey: .names)
            _ = (rows.nestedUnkeyedContainer(), names)
        }
        try expect(#"{"a": [], "b": {}, "c": 1}"#) { encoder in
            var container = encoder.container(keyedBy: Key.self)
            let (first, second) = (container.superEncoder(forKey: .a), container.superEncoder(forKey: .b))
            try container.encode(1, forKey: .c)
            _ = (first.unkeyedContainer(), second.container(keyedBy: Key.self))
        }
    }

    /// As an object table of a graph does, whose objects enter those that they refer to.
    @Test func aValueAddsToTheContainersAroundIt() throws {
        try expect("[100, 1, 2]") { encoder in
            var list = encoder.unkeyedContainer()
            let outer = list
            try list.encode(
                By { encoder in
                    var around = outer
                    try around.encode(100)
                    try 1.encode(to: encoder)
                })
            try list.encode(2)
        }
        try expect(#"{"list": [[7, 8], {"a": [1]}], "a": 9, "b": {"c": 3}}"#) { encoder in
            var container = encoder.container(keyedBy: Key.self)
            let outer = container
            let outerList = container.nestedUnkeyedContainer(forKey: .list)
            try container.encode(
                By { encoder in
                    var inner = encoder.container(keyedBy: Key.self)
                    var (around, aroundList) = (outer, outerList)
                    try around.encode(9, forKey: .a)
                    var nested = aroundList.nestedUnkeyedContainer()
                    try nested.encode(7)
                    try inner.encode(3, forKey: .c)
                    try nested.encode(8)
                    try aroundList.encode(["a": [1]])
                }, forKey: .b)
        }
        // What was added stays, although the value fails.
        try expect("[100, 2]") { encoder in
            var list = encoder.unkeyedContainer()
            let outer = list
            try? list.encode(
                By { encoder in
                    try 1.encode(to: encoder)
                    var around = outer
                    try around.encode(100)
                    throw Failure()
                })
            try list.encode(2)
        }
    }

    @Test func whatDoesNotFitIsAnErrorWithItsPath() throws {
        let path = failure { encoder in
            var container = encoder.container(keyedBy: Key.self)
            var nested = container.nestedContainer(keyedBy: Key.self, forKey: .a)
            try nested.encode(1, forKey: .b)
            // Nothing is written to it, and yet it is no array.
            _ = container.nestedUnkeyedContainer(forKey: .a)
        }
        #expect(path == ["a"])
        #expect(
            failure { encoder in
                _ = encoder.container(keyedBy: Key.self)
                _ = encoder.unkeyedContainer()
            } == [])
        #expect(
            failure { encoder in
                var single = encoder.singleValueContainer()
                try single.encode(1)
                try single.encode(2)
            } == [])
        #expect(
            failure { encoder in
                var container = encoder.container(keyedBy: Key.self)
                try container.encode("text", forKey: .a)
                var nested = container.nestedContainer(keyedBy: Key.self, forKey: .a)
                try nested.encode(1, forKey: .b)
            } == ["a"])
        #expect(
            failure { encoder in
                var container = encoder.container(keyedBy: Key.self)
                try container.encode(1, forKey: .b)
                try 1.encode(to: encoder)
            } == [])
        // Only the value that is wrong fails.
        try expect("[1, 3]", inJSON: false) { encoder in
            var list = encoder.unkeyedContainer()
            try list.encode(1)
            try? list.encode(
                By { encoder in
                    _ = encoder.unkeyedContainer()
                    _ = encoder.container(keyedBy: Key.self)
                })
            try list.encode(3)
        }
    }

    @Test func aContainerIsRefusedOnceItsValueIsDone() throws {
        final class Kept {
            var list: (any UnkeyedEncodingContainer)?
            var single: (any SingleValueEncodingContainer)?
        }
        let kept = Kept()
        try expect("[[1], 2, 3]", inJSON: false) { encoder in
            var list = encoder.unkeyedContainer()
            try list.encode(
                By { encoder in
                    kept.list = encoder.unkeyedContainer()
                    try kept.list?.encode(1)
                })
            try list.encode(
                By { encoder in
                    kept.single = encoder.singleValueContainer()
                    try kept.single?.encode(2)
                })
            try list.encode(3)
            #expect(throws: EncodingError.self) { try kept.list?.encode(100) }
            #expect(throws: EncodingError.self) { try kept.single?.encode(100) }
        }
        #expect(throws: EncodingError.self) { try kept.list?.encode(100) }
        _ = kept.list?.nestedUnkeyedContainer()
    }

    /// In one another, `depth` deep.
    indirect enum Chain: Codable {
        case end
        case next(Chain)

        init(depth: Int) {
            self = .end
            for _ in 1..<depth { self = .next(self) }
        }

        func encode(to encoder: any Encoder) throws {
            var list = encoder.unkeyedContainer()
            if case .next(let chain) = self { try list.encode(chain) }
        }

        init(from decoder: any Decoder) throws {
            var list = try decoder.unkeyedContainer()
            self = list.isAtEnd ? .end : .next(try list.decode(Chain.self))
        }
    }

    final class Cycle: Encodable {
        var next: Cycle?
    }

    /// On a thread with a stack of 512 KiB, as some systems give every thread but the first.
    func onSmallThread(_ body: @escaping @Sendable () throws -> Void) throws {
        let outcome = Outcome()
        let thread = Thread {
            outcome.result = Result { try body() }
            outcome.isDone.signal()
        }
        thread.stackSize = 512 << 10
        thread.start()
        outcome.isDone.wait()
        try #require(outcome.result).get()
    }

    /// Written by one thread before it signals, read by another after it has waited.
    final class Outcome: @unchecked Sendable {
        let isDone = DispatchSemaphore(value: 0)
        var result: Result<Void, any Error>?
    }
}
