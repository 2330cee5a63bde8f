import Synchronization

/// Whether values of `type` are references, or collections and optionals of such: what the memory level must encode at
/// once, because a copied reference is no snapshot.
///
/// What a struct or an enumeration of the caller's holds by reference is not seen.
@inline(__always)
func isClass(_ type: any Any.Type) -> Bool {
    let identifier = UInt(bitPattern: ObjectIdentifier(type))
    if lastWithoutClass.load(ordering: .relaxed) == identifier { return false }
    if findsClass(in: type) { return true }
    lastWithoutClass.store(identifier, ordering: .relaxed)
    return false
}

/// The last type in which no class was found. Most programs ask about one type only, and looking for a conformance
/// takes a tenth of the time of keeping a value.
private let lastWithoutClass = Atomic<UInt>(0)

private func findsClass(in type: any Any.Type) -> Bool {
    if type is AnyObject.Type { return true }
    guard let container = type as? any Container.Type else { return false }
    return container.contentTypes.contains { findsClass(in: $0) }
}

/// The containers of the standard library, which pass their content on by reference if it is one.
private protocol Container {
    static var contentTypes: [any Any.Type] { get }
}

extension Optional: Container {
    static var contentTypes: [any Any.Type] { [Wrapped.self] }
}

extension Array: Container {
    static var contentTypes: [any Any.Type] { [Element.self] }
}

extension ContiguousArray: Container {
    static var contentTypes: [any Any.Type] { [Element.self] }
}

extension Set: Container {
    static var contentTypes: [any Any.Type] { [Element.self] }
}

extension Dictionary: Container {
    static var contentTypes: [any Any.Type] { [Key.self, Value.self] }
}
