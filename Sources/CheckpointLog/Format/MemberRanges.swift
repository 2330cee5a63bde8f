/// Which groups can be complete. The members' numbers are the ones before the group's own, so counting the records with
/// these numbers answers this before any list of members is in memory.
package struct MemberRanges {
    private struct Range {
        var first: UInt64
        var end: UInt64
        var group: Int
        var found: UInt64 = 0
    }

    /// Sorted, and without overlaps: a record is a member of at most one group.
    private var ranges: [Range] = []

    /// - Parameter groups: each group's number and the length of its list. Groups without members are left out.
    package init(_ groups: [(number: SequenceNumber, memberCount: Int)]) {
        for index in groups.indices.sorted(by: { groups[$0].number < groups[$1].number })
        where groups[index].memberCount > 0 {
            let end = groups[index].number.rawValue
            let (first, isOver) = end.subtractingReportingOverflow(UInt64(groups[index].memberCount))
            if !isOver, first >= ranges.last?.end ?? 0 { ranges.append(Range(first: first, end: end, group: index)) }
        }
    }

    /// Counts a record of the log.
    package mutating func note(_ number: SequenceNumber) {
        let number = number.rawValue
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].end <= number { low = middle + 1 } else { high = middle }
        }
        if low < ranges.count, ranges[low].first <= number { ranges[low].found += 1 }
    }

    /// The indices, in the list given, of the groups that have a record for every member.
    package var complete: Set<Int> { Set(ranges.filter { $0.found >= $0.end - $0.first }.map(\.group)) }
}
