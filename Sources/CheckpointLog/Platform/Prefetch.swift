import CPlatform

/// Requests memory before its use. Where many distant places are visited one after another, their answers then overlap.
package enum Prefetch {
    /// Requests the cache line of `address`. This is a hint, and any address is allowed.
    @inline(__always)
    package static func want(_ address: UnsafeRawPointer?) { unsafe checkpoint_prefetch(address) }
}
