import CPlatform

/// Asks for memory ahead of its use, where many places far apart are visited one after another: their answers then come
/// side by side.
package enum Prefetch {
    /// Asks for the cache line of `address`; a hint, for which any address will do.
    @inline(__always)
    package static func want(_ address: UnsafeRawPointer?) { unsafe checkpoint_prefetch(address) }
}
