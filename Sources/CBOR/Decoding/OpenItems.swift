/// The containers around the current item, and how many items each still waits for.
///
/// The counts of the outer ones are in borrowed memory, and in an array if that is full: few values nest so deeply.
@safe struct OpenItems {
    static let inPlaceCount = 32
    static let array = -1
    static let mapAtKey = -2
    static let mapAtValue = -3

    private(set) var depth = 0
    /// How many items the innermost container waits for; for an indefinite length ``array``, ``mapAtKey`` or
    /// ``mapAtValue``.
    private var due = 0
    private let outer: UnsafeMutableBufferPointer<Int>
    private var beyond: [Int] = []

    /// - Precondition: `place` has room for ``inPlaceCount`` and outlives this value.
    init(_ place: UnsafeMutableBufferPointer<Int>) { unsafe outer = place }

    /// Opens a container of `count` items, or of an indefinite number: ``array`` or ``mapAtKey``.
    @inline(__always)
    mutating func open(_ count: Int) {
        if depth > 0 {
            if depth <= Self.inPlaceCount { unsafe outer[depth - 1] = due } else { beyond.append(due) }
        }
        depth += 1
        due = count
    }

    private mutating func close() {
        depth -= 1
        guard depth > 0 else { return }
        if depth <= Self.inPlaceCount { due = unsafe outer[depth - 1] } else { due = beyond.removeLast() }
    }

    /// Notes the end of an item, and of all containers that are complete with it.
    @inline(__always)
    mutating func closeItem() {
        while depth > 0, due >= 0 {
            due -= 1
            if due > 0 { return }
            close()
        }
        if depth > 0, due < Self.array { due = due == Self.mapAtKey ? Self.mapAtValue : Self.mapAtKey }
    }

    /// Closes the innermost container if its length is indefinite; false if no break is allowed here.
    mutating func closeIndefinite() -> Bool {
        guard depth > 0, due == Self.array || due == Self.mapAtKey else { return false }
        close()
        return true
    }
}
