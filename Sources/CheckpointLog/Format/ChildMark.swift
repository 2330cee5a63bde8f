/// How far a parent has taken over the records of a child: the payload of a mark. FORMAT.md, "Marks".
///
/// The parent has looked at everything that was appended to the child's log up to `appendNumber`. It also lists what it
/// took although that was appended later, or was only in the child's memory, so that it takes nothing twice.
package struct ChildMark: Sendable, Equatable {
    /// A record that was taken ahead of the mark: the hash of its (level, origin, key) in the child, and its number.
    package struct Exception: Sendable, Hashable {
        package var high: UInt64
        package var low: UInt64
        package var number: SequenceNumber

        package init(high: UInt64, low: UInt64, number: SequenceNumber) {
            self.high = high
            self.low = low
            self.number = number
        }
    }

    /// The most exceptions that a mark lists. The parent takes any others again at its next update.
    package static let exceptionLimit = 65_536

    private static let fixedByteCount = 48

    package var log: LogIdentifier
    /// The newest opening for writing of the child's log when the mark was made; nil if the log had none. Numbers and
    /// positions of the mark hold in logs that descend from this opening.
    package var opening: Opening?
    package var appendNumber: SequenceNumber
    /// Where the child's log ended when the parent knew everything before it. The next update looks at what is behind
    /// this position.
    package var position: LogPosition?
    package var exceptions: [Exception]

    package init(
        log: LogIdentifier, opening: Opening? = nil, appendNumber: SequenceNumber, position: LogPosition?,
        exceptions: [Exception] = []
    ) {
        self.log = log
        self.opening = opening
        self.appendNumber = appendNumber
        self.position = position
        self.exceptions = exceptions
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: log.high)
        bytes.append(littleEndian: log.low)
        bytes.append(littleEndian: appendNumber.rawValue)
        bytes.append(littleEndian: position?.word ?? 0)
        bytes.append(littleEndian: opening?.word ?? 0)
        bytes.append(littleEndian: opening?.epoch ?? 0)
        bytes.append(littleEndian: UInt32(0))
        for exception in exceptions.prefix(Self.exceptionLimit) {
            bytes.append(littleEndian: exception.high)
            bytes.append(littleEndian: exception.low)
            bytes.append(littleEndian: exception.number.rawValue)
        }
        return bytes
    }

    package init?(_ bytes: [UInt8]) {
        let listed = bytes.count - Self.fixedByteCount
        guard listed >= 0, listed % 24 == 0, listed / 24 <= Self.exceptionLimit else { return nil }
        var cursor = ByteCursor(bytes)
        guard let high = cursor.integer(UInt64.self), let low = cursor.integer(UInt64.self),
            let number = cursor.integer(UInt64.self), let word = cursor.integer(UInt64.self),
            let openingWord = cursor.integer(UInt64.self), let epoch = cursor.integer(UInt32.self),
            (openingWord == 0) == (epoch == 0), cursor.integer(UInt32.self) == 0
        else { return nil }
        opening = epoch == 0 ? nil : Opening(epoch: epoch, word: openingWord)
        position = LogPosition(word: word)
        guard word == 0 || position != nil else { return nil }
        log = LogIdentifier(high: high, low: low)
        appendNumber = SequenceNumber(rawValue: number)
        exceptions = []
        while let high = cursor.integer(UInt64.self), let low = cursor.integer(UInt64.self),
            let number = cursor.integer(UInt64.self)
        {
            exceptions.append(Exception(high: high, low: low, number: SequenceNumber(rawValue: number)))
        }
    }
}
