/// Dates as text (RFC 3339), the form that tag 0 gives them.
///
/// Not `Date.ISO8601FormatStyle`, which takes the 30th of February for the 2nd of March and hour 24 for the next day,
/// leaves what follows a date unread, and counts by the Julian calendar before 1582.
enum DateText {
    /// The seconds since 1970 of `text`; nil if it is no such date.
    static func seconds(of text: String) -> Double? {
        var rest = Array(text.utf8)[...]
        guard let year = number(4, &rest), take("-", &rest), let month = number(2, &rest), take("-", &rest),
            let day = number(2, &rest), take("T", &rest) || take("t", &rest) || take(" ", &rest),
            let hour = number(2, &rest), take(":", &rest), let minute = number(2, &rest), take(":", &rest),
            let second = number(2, &rest), (1...12).contains(month), (1...dayCount(year, month)).contains(day),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        guard let fraction = fraction(&rest), let zone = zone(&rest), rest.isEmpty else { return nil }
        let days = daysSince1970(year: year, month: month, day: day)
        return Double(((days * 24 + hour) * 60 + minute - zone) * 60 + second) + fraction
    }

    private static func dayCount(_ year: Int, _ month: Int) -> Int {
        let next = month == 12 ? (year + 1, 1) : (year, month + 1)
        return daysSince1970(year: next.0, month: next.1, day: 1) - daysSince1970(year: year, month: month, day: 1)
    }

    /// The days of the Gregorian calendar, whose years here begin in March: the leap day is then the last (H. Hinnant,
    /// "chrono-compatible low-level date algorithms").
    private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
        let year = month > 2 ? year : year - 1
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func fraction(_ rest: inout ArraySlice<UInt8>) -> Double? {
        guard take(".", &rest) else { return 0 }
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        rest = rest.dropFirst(digits.count)
        return digits.isEmpty ? nil : Double("0." + String(decoding: digits, as: UTF8.self))
    }

    /// Minutes ahead of UTC.
    private static func zone(_ rest: inout ArraySlice<UInt8>) -> Int? {
        if take("Z", &rest) || take("z", &rest) { return 0 }
        let isBehind = take("-", &rest)
        guard isBehind || take("+", &rest), let hours = number(2, &rest), take(":", &rest),
            let minutes = number(2, &rest), hours < 24, minutes < 60
        else { return nil }
        return (isBehind ? -1 : 1) * (hours * 60 + minutes)
    }

    private static func number(_ digitCount: Int, _ rest: inout ArraySlice<UInt8>) -> Int? {
        let digits = rest.prefix(digitCount)
        guard digits.count == digitCount, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        rest = rest.dropFirst(digitCount)
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    private static func take(_ character: Unicode.Scalar, _ rest: inout ArraySlice<UInt8>) -> Bool {
        guard let first = rest.first, UInt32(first) == character.value else { return false }
        rest = rest.dropFirst()
        return true
    }
}
