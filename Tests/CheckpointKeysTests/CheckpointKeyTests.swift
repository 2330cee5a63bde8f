#if KeyMacro
import CheckpointKeys
import CheckpointLog
import TestSupport
import Testing

private let topLevelKey = #checkpointKey(first, 1)
private let first = 1

/// The exact keys that the macro makes at run time, at every kind of place.
@Suite struct CheckpointKeyTests {
    struct Worker {
        static let typeProperty = #checkpointKey(a)
        let instanceProperty = #checkpointKey(b)
        var keyOfInitializer: CheckpointKey
        var step = 4

        init(named name: String) {
            keyOfInitializer = #checkpointKey(name)
        }

        var state: CheckpointKey { #checkpointKey(step) }

        var explicit: CheckpointKey {
            get { #checkpointKey(step, 2) }
            set { _ = newValue }
        }

        subscript(index: Int) -> CheckpointKey { #checkpointKey(index) }

        func train(until limit: Int, _ rate: Double) -> CheckpointKey { #checkpointKey(limit, rate) }

        static func make() -> CheckpointKey { #checkpointKey() }

        static func + (left: Worker, right: Worker) -> CheckpointKey { #checkpointKey(left) }

        func `phase (b) of two`(step: Int) -> CheckpointKey { #checkpointKey(step) }

        static let (a, b) = (1, 2)
        var b: Int { 2 }
    }

    /// The exact string of API.md, from a function of that name.
    @Test func mykey() {
        let (a, b, c) = (1, 2.5, "three")
        #expect(#checkpointKey(a, b, c, 123) == "CheckpointKeysTests_mykey_a_b_c_123")
        #expect(
            KeyParts(fileID: "MyModule/File.swift", function: "mykey(_:b:)").key(arguments: "a", "b", "c", "123")
                == "MyModule_mykey_a_b_c_123")
    }

    @Test func placesNameTheirFunction() {
        let worker = Worker(named: "one")
        #expect(worker.train(until: 9, 0.5) == "CheckpointKeysTests_train_limit_rate")
        #expect(worker.keyOfInitializer == "CheckpointKeysTests_init_name")
        #expect(worker.state == "CheckpointKeysTests_state_step")
        #expect(worker.explicit == "CheckpointKeysTests_explicit_step_2")
        #expect(worker[3] == "CheckpointKeysTests_subscript_index")
        #expect(Worker.make() == "CheckpointKeysTests_make")
        #expect(worker + worker == "CheckpointKeysTests_+_left")
        #expect(worker.`phase (b) of two`(step: 1) == "CheckpointKeysTests_phase (b) of two_step")
        #expect(worker.inExtension(1) == "CheckpointKeysTests_inExtension_x.y")
    }

    @Test func initialValuesNameTheirType() {
        #expect(Worker.typeProperty == "CheckpointKeysTests_Worker_a")
        #expect(Worker(named: "").instanceProperty == "CheckpointKeysTests_Worker_b")
    }

    /// `#function` has no function to name there and gives the module.
    @Test func theTopLevelNamesTheModule() {
        #expect(topLevelKey == "CheckpointKeysTests_CheckpointKeysTests_first_1")
    }

    @Test func closuresNameTheFunctionAroundThem() async {
        let state = 1
        let direct = { #checkpointKey(state) }
        #expect(direct() == "CheckpointKeysTests_closuresNameTheFunctionAroundThem_state")
        let task = Task { { #checkpointKey(state, 2) }() }
        #expect(await task.value == "CheckpointKeysTests_closuresNameTheFunctionAroundThem_state_2")
    }

    @Test func nestedFunctionsNameThemselves() {
        func inner(_ depth: Int) -> CheckpointKey { #checkpointKey(depth) }
        #expect(inner(3) == "CheckpointKeysTests_inner_depth")
    }

    @Test func aDefaultArgumentNamesTheCaller() {
        func take(_ key: CheckpointKey = #checkpointKey(1)) -> CheckpointKey { key }
        #expect(take() == "CheckpointKeysTests_aDefaultArgumentNamesTheCaller_1")
    }

    @Test func argumentsAreNotEvaluated() {
        var calls = 0
        func count() -> Int {
            calls += 1
            return calls
        }
        #expect(#checkpointKey(count()) == "CheckpointKeysTests_argumentsAreNotEvaluated_count()")
        #expect(calls == 0)
        #expect(#checkpointKey(values: count(), count()) == "CheckpointKeysTests_argumentsAreNotEvaluated_1_2")
        #expect(calls == 2)
    }

    @Test func valuesMakeTheKey() {
        let worker = 7
        let step = 120
        #expect(#checkpointKey(values: worker, step) == "CheckpointKeysTests_valuesMakeTheKey_7_120")
        #expect(#checkpointKey(values: "a\(worker)") == "CheckpointKeysTests_valuesMakeTheKey_a7")
        #expect(#checkpointKey(values: [1, 2].map { $0 + 1 }.count) == "CheckpointKeysTests_valuesMakeTheKey_2")
        #expect(#checkpointKey(values: true, 0.5, 1...3) == "CheckpointKeysTests_valuesMakeTheKey_true_0.5_1...3")
    }

    /// The sample of "Coming from Actors.jl".
    @Test func aCheckpointIsTakenUnderItsFunctionAndArguments() async throws {
        let log = try await CheckpointLog.inMemory()
        let (a, b, c) = (1, 2.5, "three")
        func mykey() async throws {
            try await log.checkpoint(a, b, c, for: #checkpointKey(a, b, c, 123))  // MyModule_mykey_a_b_c_123
        }
        try await mykey()
        #expect(try await log.keys() == ["CheckpointKeysTests_mykey_a_b_c_123"])
        try await log.close()
    }

    @Test func whatIsTakenUnderAMacroKeyIsRestoredUnderItsText() async throws {
        var configuration = Configuration()
        configuration.fileSystem = SimulatedFileSystem()
        let log = try await CheckpointLog.open(at: "/log", configuration: configuration)
        let state = [1, 2, 3]
        try await log.checkpoint(state, for: #checkpointKey(state))
        let key: CheckpointKey = "CheckpointKeysTests_whatIsTakenUnderAMacroKeyIsRestoredUnderItsText_state"
        #expect(try await log.restore([Int].self, for: key) == state)
        try await log.close()
    }
}

extension CheckpointKeyTests.Worker {
    func inExtension(_ value: Int) -> CheckpointKey {
        let x = (y: value, z: value)
        return #checkpointKey(x.y)
    }
}
#endif
