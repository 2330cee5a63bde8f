/// Bytes in one or more pieces of memory that follow one another, such as an encoding whose large arrays stay where
/// they are.
package struct BytePieces: Sendable {
    /// None of them is empty.
    package private(set) var pieces: [LentBytes] = []
    package private(set) var count = 0

    package init(_ pieces: [UnsafeRawBufferPointer]) {
        for index in unsafe pieces.indices { unsafe append(pieces[index]) }
    }

    package init(_ bytes: UnsafeRawBufferPointer) { unsafe append(bytes) }

    package mutating func append(_ piece: UnsafeRawBufferPointer) {
        guard piece.count > 0 else { return }
        unsafe pieces.append(LentBytes(piece))
        count += piece.count
    }

    package mutating func append(_ others: BytePieces) {
        pieces += others.pieces
        count += others.count
    }

    /// The bytes of a range.
    ///
    /// - Complexity: O(n) in the pieces.
    package subscript(range: Range<Int>) -> BytePieces {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "A range outside of the bytes.")
        var part = unsafe BytePieces(.empty)
        var start = 0
        for piece in pieces {
            let end = unsafe start + piece.bytes.count
            let inside = range.clamped(to: start..<end)
            unsafe part.append(
                UnsafeRawBufferPointer(rebasing: piece.bytes[inside.lowerBound - start..<inside.upperBound - start]))
            start = end
        }
        return part
    }

    /// Calls `body` with the bytes in one piece. They are copied if they are in several.
    package func withOnePiece<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        if pieces.count <= 1 { return unsafe try body(pieces.first?.bytes ?? .empty) }
        return unsafe try BufferPool.shared.withBuffer(byteCount: count) { room in
            var start = 0
            for piece in pieces {
                unsafe UnsafeMutableRawBufferPointer(rebasing: room[start...]).copyMemory(from: piece.bytes)
                unsafe start += piece.bytes.count
            }
            return unsafe try body(UnsafeRawBufferPointer(room))
        }
    }
}

extension OpenFile {
    /// Writes all pieces one after the other, three with each call.
    package func write(_ bytes: BytePieces, at offset: Int) throws(FileSystemError) {
        var (place, rest) = (offset, bytes.pieces[...])
        while !rest.isEmpty {
            let (first, second, third) = unsafe (next(&rest), next(&rest), next(&rest))
            unsafe try write(first, second, third, at: place)
            place += first.count + second.count + third.count
        }
    }

    private func next(_ pieces: inout ArraySlice<LentBytes>) -> UnsafeRawBufferPointer {
        unsafe pieces.popFirst()?.bytes ?? .empty
    }
}
