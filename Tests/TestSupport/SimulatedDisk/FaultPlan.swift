import SystemPackage

/// What is to go wrong, and when.
struct FaultPlan: Sendable {
    private(set) var callCount = 0
    private(set) var mutatingCallCount = 0
    private(set) var isPowerCut = false
    private var cut: (call: Int, tear: SeededGenerator?)?
    private var faults: [Fault] = []

    struct Fault: Sendable {
        var matches: @Sendable (SimulatedCall) -> Bool
        /// Matching calls that are let through first.
        var skippedCallCount = 0
        var isOnce: Bool
        var effect: Effect
    }

    enum Effect: Sendable {
        case failure(Errno)
        /// At most so many bytes.
        case short(Int)

        var isFailure: Bool { if case .failure = self { true } else { false } }
    }

    enum Answer: Sendable {
        case proceed(byteCount: Int)
        case fail(Errno)
        /// The power goes after so many bytes; nil when nothing at all is carried out.
        case powerCut(byteCount: Int?)
    }

    mutating func add(_ fault: Fault) { faults.append(fault) }

    mutating func removeFaults() { faults = [] }

    mutating func cutPower(atCall call: Int, tearing seed: UInt64?) {
        cut = (call, seed.map(SeededGenerator.init(seed:)))
    }

    mutating func cutPower() { isPowerCut = true }

    mutating func admit(_ call: inout SimulatedCall) -> Answer {
        callCount += 1
        call.number = callCount
        if isPowerCut { return .powerCut(byteCount: nil) }
        if call.operation.isMutating {
            mutatingCallCount += 1
            if let cut, mutatingCallCount >= cut.call {
                isPowerCut = true
                return .powerCut(byteCount: cut.tear.flatMap { Self.tornByteCount(call, $0) })
            }
        }
        if case .failure(let code)? = takeEffect(on: call, where: \.isFailure) { return .fail(code) }
        if case .short(let limit)? = takeEffect(on: call, where: { !$0.isFailure }) {
            return .proceed(byteCount: min(call.byteCount, limit))
        }
        return .proceed(byteCount: call.byteCount)
    }

    /// What the first fault that is due does to `call`. No fault is used up by a call that cannot be heard to fail.
    private mutating func takeEffect(on call: SimulatedCall, where isWanted: (Effect) -> Bool) -> Effect? {
        guard !call.operation.isUnheard else { return nil }
        for index in faults.indices where isWanted(faults[index].effect) && faults[index].matches(call) {
            if faults[index].skippedCallCount > 0 {
                faults[index].skippedCallCount -= 1
                continue
            }
            return faults[index].isOnce ? faults.remove(at: index).effect : faults[index].effect
        }
        return nil
    }

    /// Some of the call's bytes from the start, up to a multiple of 8 in the file, or all of them.
    private static func tornByteCount(_ call: SimulatedCall, _ generator: SeededGenerator) -> Int? {
        guard call.operation.isDivisible, call.byteCount > 0 else { return nil }
        var generator = generator
        let first = 8 - call.offset % 8
        guard call.byteCount > first else { return generator.isOne(in: 2) ? nil : call.byteCount }
        let insideCount = (call.byteCount - first - 1) / 8 + 1
        let step = generator.number(below: insideCount + 2)
        return step == 0 ? nil : min(first + 8 * (step - 1), call.byteCount)
    }
}
