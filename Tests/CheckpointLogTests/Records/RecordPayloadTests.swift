import CheckpointLog
import TestSupport
import Testing

/// The payloads of groups, references and marks: what is written is read, and hostile bytes are refused.
@Suite struct RecordPayloadTests {
    static let members = GroupMembers(keys: [Array("a".utf8), [UInt8](repeating: 7, count: 300), [0xFF]])
    static let reference = ValueReference(
        segment: 7, chunkCount: 3, contentByteCount: 3_000_000, fileByteCount: 1_000_000, footerCRC: 0xDEAD_BEEF,
        chunkNumber: SequenceNumber(epoch: 4, count: 5))
    static let mark = ChildMark(
        log: LogIdentifier(high: 1, low: 2), opening: Opening(epoch: 1, word: 9),
        appendNumber: SequenceNumber(epoch: 1, count: 2),
        position: LogPosition(segment: 3, offset: 128),
        exceptions: [.init(high: 5, low: 6, number: SequenceNumber(epoch: 1, count: 1))])

    @Test func payloadsComeBack() {
        #expect(GroupMembers(Self.members.bytes) == Self.members)
        #expect(ValueReference(Self.reference.bytes) == Self.reference)
        #expect(ChildMark(Self.mark.bytes) == Self.mark)
    }

    @Test func payloadsOfAnotherLengthAreRefused() {
        for count in 0..<Self.members.bytes.count {
            #expect(GroupMembers(Array(Self.members.bytes.prefix(count))) == nil)
        }
        for count in 0..<Self.reference.bytes.count {
            #expect(ValueReference(Array(Self.reference.bytes.prefix(count))) == nil)
        }
        // A mark without its last exception is a mark.
        for count in 0..<Self.mark.bytes.count where count != 48 {
            #expect(ChildMark(Array(Self.mark.bytes.prefix(count))) == nil, "\(count)")
        }
        #expect(GroupMembers(Self.members.bytes + [0]) == nil)
        #expect(ValueReference(Self.reference.bytes + [0]) == nil)
        #expect(ChildMark(Self.mark.bytes + [0]) == nil)
    }

    static let hostileGroups: [[UInt8]] = [
        [0],  // no member
        [1, 0],  // an empty key
        [0x81, 0x80, 0x04, 1, 0x61],  // 65,537 members
        [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 1],  // 2⁶⁴ − 1 members
        [1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],  // a key of 2⁶⁴ − 1 bytes
        [1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],  // of 2⁶³ − 1
        [1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02],  // more than 64 bits
    ]

    @Test(arguments: hostileGroups) func hostileGroupsAreRefused(bytes: [UInt8]) {
        #expect(GroupMembers(bytes) == nil)
    }

    @Test func hostileReferencesAreRefused() {
        // Segment 0, 2⁴⁰ bytes of content, 2⁶³ of the file, reserved bytes.
        for (offset, value) in [(0, 0), (8 + 5, 1), (16 + 7, 0x80), (28, 1)] {
            var bytes = Self.reference.bytes
            bytes[offset] = UInt8(value)
            #expect(ValueReference(bytes) == nil, "\(offset)")
        }
        // A position with wrong check bits.
        var bytes = Self.mark.bytes
        bytes[24] ^= 1
        #expect(ChildMark(bytes) == nil)
        // An opening of a word without an epoch, or of an epoch without a word; reserved bytes.
        for (offset, value) in [(40, 0), (32, 0), (44, 1)] {
            var bytes = Self.mark.bytes
            bytes[offset] = UInt8(value)
            #expect(ChildMark(bytes) == nil, "\(offset)")
        }
    }

    @Test func membersHaveTheNumbersBeforeTheGroups() {
        let members = GroupMembers(keys: [[1], [2], [3]])
        let group = SequenceNumber(epoch: 2, count: 10)
        #expect((0..<3).map { members.sequenceNumber(at: $0, of: group) } == (7...9).map { .init(epoch: 2, count: $0) })
        // Numbers do not reach into the epoch before.
        #expect(members.sequenceNumber(at: 0, of: SequenceNumber(epoch: 2, count: 3)) == nil)
        #expect(
            members.sequenceNumber(at: 0, of: SequenceNumber(epoch: 2, count: 4)) == SequenceNumber(epoch: 2, count: 1))
    }
}
