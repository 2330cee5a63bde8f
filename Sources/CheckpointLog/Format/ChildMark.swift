/// How far a parent has taken over the records of a child: the payload of a mark. FORMAT.md, "Marks".
///
/// Everything appended in the child's log up to `appendNumber` was looked at. What was taken although it came later, or
/// was in the child's memory alone, is listed, so that nothing is taken twice.
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

    /// The most exceptions listed. Records over it are taken again at the next update.
    package static let exceptionLimit = 65_536

    package var log: LogIdentifier
    package var appendNumber: SequenceNumber
    /// Where the log ended when all before it was known: records of later places are looked at.
    package var position: LogPosition?
    package var exceptions: [Exception]

    package init(
        log: LogIdentifier, appendNumber: SequenceNumber, position: LogPosition?, exceptions: [Exception] = []
    ) {
        self.log = log
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
        for exception in exceptions.prefix(Self.exceptionLimit) {
            bytes.append(littleEndian: exception.high)
            bytes.append(littleEndian: exception.low)
            bytes.append(littleEndian: exception.number.rawValue)
        }
        return bytes
    }

    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= 32, (bytes.count - 32) % 24 == 0, (bytes.count - 32) / 24 <= Self.exceptionLimit else {
            return nil
        }
        var cursor = ByteCursor(bytes)
        guard let high = cursor.integer(UInt64.self), let low = cursor.integer(UInt64.self),
            let number = cursor.integer(UInt64.self), let word = cursor.integer(UInt64.self)
        else { return nil }
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
