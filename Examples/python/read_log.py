#!/usr/bin/env python3
"""Reads a checkpoint log. Written from FORMAT.md alone; each step of its section "Reading a log, step by step" is a method here.

usage: read_log.py list DIRECTORY                        the latest value of each key, and the members of each group
       read_log.py get DIRECTORY KEY [--level LEVEL]     one value, decoded if it is CBOR
       read_log.py history DIRECTORY KEY [--level LEVEL] all versions of a key that the log keeps, newest first
       read_log.py verify DIRECTORY                      reads everything that can be restored, and says how the log ends

With --json, one JSON object a line. The exit code is 0, 1 for a key that is not there, 2 for damage, 3 for a log that needs a newer reader.
The log is read as it is after another boot: only what was synced must be there. It must not be open for writing meanwhile.
Values compressed with LZ4 need the module lz4, and `get` without --json the module cbor2, both from PyPI.
"""

import argparse
import json
import os
import re
import struct
import sys
import time
import zlib

VALUE, REFERENCE, REMOVAL, REMOVAL_OF_ALL, GROUP, ROLL, PROMISE, CHUNK, MARK, FREED, VERSION_REMOVAL, GROUP_REMOVAL, LABELS = range(1, 14)
WITHOUT_KEY = (REMOVAL_OF_ALL, ROLL, PROMISE, FREED)
WITH_METADATA = (VALUE, REFERENCE, GROUP)
WITH_ORDINAL = (VALUE, REFERENCE, GROUP, VERSION_REMOVAL, GROUP_REMOVAL)
NO_RECORD = (ROLL, PROMISE, CHUNK, FREED)
LATE, CONTINUES, RAW, SEVERAL, UNSYNCED, MARKED = 1, 2, 4, 8, 16, 32
PAYLOAD_LIMIT = 2 << 20
OFFSET_LIMIT = 1 << 27
SEGMENT_LIMIT = 64 << 20
EPOCH_LIMIT = 1 << 29


class Invalid(Exception):
    """Bytes that are not what they should be; what follows from that is decided elsewhere."""


class Damage(Exception):
    """The log does not have what it must have."""


class Unsupported(Exception):
    """A version or feature that this reader does not know."""


def require(condition, what):
    if not condition:
        raise Invalid(what)


# Conventions


def _table():
    table = []
    for entry in range(256):
        for _ in range(8):
            entry = entry >> 1 ^ (0x82F63B78 if entry & 1 else 0)
        table.append(entry)
    return table


CRC_TABLE = _table()


def checksum(data):
    """CRC-32C, not masked."""
    crc = 0xFFFFFFFF
    table = CRC_TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = checksum(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


assert checksum(b"123456789") == 0xE3069283


class Cursor:
    """Takes fields one after another; `Invalid` when the bytes end early."""

    def __init__(self, data):
        self.data = data
        self.offset = 0

    def take(self, count):
        require(count <= len(self.data) - self.offset, "the bytes end early")
        self.offset += count
        return self.data[self.offset - count:self.offset]

    def unpack(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))

    def varint(self):
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                require(value < 1 << 64, "a varint is too large")
                return value
        raise Invalid("a varint is too long")

    def zigzag(self):
        word = self.varint()
        return word >> 1 ^ -(word & 1)

    def end(self, what):
        require(self.offset == len(self.data), what)


# Log positions


def check_bits(bits):
    return ((bits + 0x5851F42D4C957F2D) * 0x9E3779B97F4A7C15 & (1 << 64) - 1) >> 56


def position(word):
    """(segment, offset); None for 0 and for wrong check bits."""
    bits = word >> 8
    return (bits >> 24, (bits & 0xFFFFFF) * 8) if word and word & 0xFF == check_bits(bits) else None


# Segment header


def segment_header(data, log, number, role):
    """The number of the segment before; `Invalid` for a header that is not valid."""
    require(len(data) >= 128 and data[:8] == b"CKPTSEG\n", "no segment header")
    cursor = Cursor(data[8:128])
    require(cursor.unpack("I")[0] == masked(data[12:128]), "the checksum of a segment header")
    version, = cursor.unpack("H")
    found, zero, required, _ = cursor.unpack("BBQQ")
    supported(version, required)
    identifier = cursor.take(16)
    segment, epoch, previous, _ = cursor.unpack("QQQq")
    cursor.take(16)
    require(found == role and zero == 0 and identifier == log and segment == number, "the header of another segment")
    require(epoch < 1 << 32 and previous < 1 << 32 and not any(cursor.take(32)), "a field of a segment header")
    return previous, epoch


def supported(version, required):
    if version != 1 or required != 0:
        raise Unsupported("version %d, required features %x" % (version, required))


# Frames


class Frame:
    """A frame's header with key, origin and metadata; the payload once `check_payload` was called."""

    def __init__(self, log, segment, data, offset):
        """Rules 1 to 3."""
        head = data[offset:offset + 64]
        require(len(head) == 64, "the header is cut off")
        (crc, self.kind, self.flags, self.level, self.compression, stored, content, metadata, self.payload_checksum,
         self.content_checksum, self.number, self.append, self.time, promise, key, origin,
         self.ordinal) = struct.unpack("<IBBBB3s3sHIIQQqQHHI", head)
        require(key <= 1024 and origin <= 1024 and metadata <= 4096, "a length over its limit")
        prefix = data[offset:offset + 64 + key + origin + metadata]
        require(len(prefix) == 64 + key + origin + metadata, "key, origin or metadata are cut off")
        require(crc == masked(log + struct.pack("<QQ", segment, offset) + prefix[4:]), "the header checksum")
        self.crc = crc
        self.place = (segment, offset)
        self.key, self.origin, self.metadata = prefix[64:64 + key], prefix[64 + key:64 + key + origin], prefix[64 + key + origin:]
        self.stored, self.content = int.from_bytes(stored, "little"), int.from_bytes(content, "little")
        self.start = offset + len(prefix)
        self.length = len(prefix) + self.stored + 7 & ~7
        self.promise = position(promise)
        self.payload = None
        self.value_segment = self.value_length = None
        require(VALUE <= self.kind <= LABELS and self.flags < 64 and self.compression <= 2, "an unknown kind, flag or compression")
        require(self.stored <= PAYLOAD_LIMIT and self.content <= PAYLOAD_LIMIT, "a payload over the limit")
        require(promise == 0 or self.promise, "the check bits of the promise")
        require(self.number != 0 and self.append >> 32 < EPOCH_LIMIT, "a number")
        require(self.append > self.number if self.flags & LATE else self.append == self.number, "the append number")
        require(self.kind not in (VERSION_REMOVAL, GROUP_REMOVAL) or self.flags & LATE, "a removal of one version that is not late")
        require(self.compression or self.stored == self.content and self.payload_checksum == self.content_checksum, "not compressed, yet not alike")
        require(not key and not origin if self.kind in WITHOUT_KEY else key and self.level, "key, origin or level")
        require(not metadata or self.kind in WITH_METADATA, "metadata where there can be none")
        require(not self.ordinal or self.kind in WITH_ORDINAL, "an ordinal where there can be none")
        require(not self.flags & UNSYNCED or self.kind == REFERENCE, "a flag of references")
        require(not self.flags & MARKED or self.ordinal, "a marked version without an ordinal")

    def check_payload(self, data):
        """Rules 4 and 5."""
        end = self.place[1] + self.length
        require(end <= len(data), "the payload is cut off")
        self.payload = data[self.start:self.start + self.stored]
        require(masked(self.payload) == self.payload_checksum, "the payload checksum")
        require(not any(data[self.start + self.stored:end]), "the padding")
        if self.kind in (REFERENCE, FREED):
            require(len(self.payload) == (40 if self.kind == REFERENCE else 8) and not self.compression, "a reference or a freed value")
            self.value_segment, = struct.unpack_from("<I", self.payload)
            require(self.value_segment > 0, "a value segment")
        if self.kind == REFERENCE:
            self.value_length, = struct.unpack_from("<Q", self.payload, 16)
        if self.kind == FREED:
            require(self.payload[4:] == bytes(4), "a freed value")

    def decompressed(self):
        if self.compression == 0:
            content = self.payload
        elif self.compression == 1:
            import lz4.block
            try:
                content = lz4.block.decompress(self.payload, uncompressed_size=self.content)
            except lz4.block.LZ4BlockError as error:
                raise Invalid("LZ4: %s" % error)
        else:
            expander = zlib.decompressobj()
            try:
                content = expander.decompress(self.payload, self.content + 1)
            except zlib.error as error:
                raise Invalid("zlib: %s" % error)
            require(expander.eof and not expander.unused_data, "zlib")
        require(len(content) == self.content and masked(content) == self.content_checksum, "the content")
        return content

    @property
    def name(self):
        return (self.level, self.origin, self.key)


# Footer and trailer


class Listed:
    """A frame as a footer lists it."""


def footer_entries(footer, count, segment):
    """The frames that a footer lists, and where they end."""
    cursor = Cursor(footer)
    entries = []
    offset, number, time = 128, 0, 0
    for _ in range(count):
        entry = Listed()
        entry.length = cursor.varint() * 8
        entry.kind, entry.flags, entry.level = cursor.take(3)
        number = number + cursor.zigzag() & (1 << 64) - 1
        entry.number = number
        entry.append = number + cursor.varint() if entry.flags & LATE else number
        time += cursor.zigzag()
        entry.time = time
        entry.crc, = cursor.unpack("I")
        entry.content = cursor.varint()
        entry.key = cursor.take(cursor.varint())
        entry.origin = cursor.take(cursor.varint())
        entry.value_segment = cursor.varint() if entry.kind in (REFERENCE, FREED) else None
        entry.value_length = cursor.varint() if entry.kind == REFERENCE else None
        entry.place = (segment, offset)
        entry.name = (entry.level, entry.origin, entry.key)
        require(entry.length >= 64 and VALUE <= entry.kind <= LABELS and entry.number > 0, "an entry of a footer")
        require(entry.append >> 32 < EPOCH_LIMIT and entry.content <= PAYLOAD_LIMIT, "an entry of a footer")
        require(not entry.key and not entry.origin if entry.kind in WITHOUT_KEY else entry.key and entry.level, "an entry of a footer")
        require(len(entry.key) <= 1024 and len(entry.origin) <= 1024, "an entry of a footer")
        offset += entry.length
        entries.append(entry)
    rest = footer[cursor.offset:]
    require(len(rest) < 8 and not any(rest), "the padding of a footer")
    return entries, offset


def encode_varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_zigzag(value):
    return encode_varint((value << 1 ^ value >> 63) & (1 << 64) - 1)


def encode_footer(frames):
    """The footer of frames whose headers were read."""
    out = bytearray()
    number = time = 0
    for frame in frames:
        step = frame.number - number
        step -= 1 << 64 if step >= 1 << 63 else 0
        out += encode_varint(frame.length // 8) + bytes((frame.kind, frame.flags, frame.level)) + encode_zigzag(step)
        if frame.flags & LATE:
            out += encode_varint(frame.append - frame.number)
        out += encode_zigzag(frame.time - time) + struct.pack("<I", frame.crc) + encode_varint(frame.content)
        out += encode_varint(len(frame.key)) + frame.key + encode_varint(len(frame.origin)) + frame.origin
        if frame.kind in (REFERENCE, FREED):
            out += encode_varint(frame.value_segment)
        if frame.kind == REFERENCE:
            out += encode_varint(frame.value_length)
        number, time = frame.number, frame.time
    return bytes(out) + bytes(-len(out) % 8)


class Log:
    def __init__(self, directory):
        self.directory = directory
        self.records = []
        self.lost = set()  # places of references whose values did not reach the disk, and that something superseded
        self.read_manifest()
        self.read_position()
        for entry in self.entries:
            self.records += self.read_sealed(entry)
        self.read_chain()
        self.freed = {record.value_segment for record in self.records if record.kind == FREED}
        self.records = [record for record in self.records
                        if record.kind not in NO_RECORD and not (record.kind == REFERENCE and record.value_segment in self.freed)]
        self.decide_what_is_live()

    def file(self, name):
        path = os.path.join(self.directory, name)
        if not os.path.isfile(path) or os.path.islink(path):
            raise FileNotFoundError(path)
        with open(path, "rb") as file:
            return file.read()

    # Step 1

    def read_manifest(self):
        segments = [name for name in os.listdir(self.directory) if re.fullmatch(r"[0-9a-f]{8}\.(log|out|val)", name)]
        try:
            data = self.file("MANIFEST")
        except FileNotFoundError:
            raise Damage("MANIFEST is missing") if segments else FileNotFoundError("%s is no log" % self.directory)
        try:
            self.parse_manifest(data)
        except Invalid as error:
            raise Damage("MANIFEST: %s" % error)

    def parse_manifest(self, data):
        require(len(data) >= 352 and data[:8] == b"CKPTMAN\n", "no manifest")
        cursor = Cursor(data[8:])
        require(cursor.unpack("I")[0] == masked(data[12:]), "the checksum")
        version, zero, required, _ = cursor.unpack("HHQQ")
        require(zero == 0, "reserved bytes")
        supported(version, required)
        self.identifier = cursor.take(16)
        cursor.take(16)
        self.generation, self.next_epoch, self.next_segment, self.last_sealed, count, policies, zero = cursor.unpack("QIIIIII")
        require(zero == 0 and count <= 1 << 20 and policies <= 255, "a count")
        require(self.generation < (1 << 64) - 1 and 1 <= self.next_epoch <= EPOCH_LIMIT, "generation or epoch")
        openings = cursor.unpack("32Q")
        require(not any(openings[max(0, self.next_epoch - 1):]), "an opening that never was")
        require(len(data) == 352 + 24 * policies + 64 * count, "the length")
        self.policies = {}
        for _ in range(policies):
            level, durability, zero, kept, interval, zeros, age = cursor.unpack("BBHIIIq")
            require(level > max(self.policies, default=0) and durability <= 2 and zero == zeros == 0, "a policy")
            require(1 <= kept <= 1024 and (interval == 0 or 2 <= interval <= 1000000) and age >= 0, "a policy")
            self.policies[level] = (kept, interval, age)
        self.entries = []
        for _ in range(count):
            number, role, length, footer, frames, crc, _, greatest, _, zero = cursor.unpack("IIQQIIQQqQ")
            require(number > 0 and role in (1, 2) and zero == 0, "an entry")
            require(128 <= footer < OFFSET_LIMIT and footer % 8 == 0 and frames <= (footer - 128) // 64, "an entry")
            require(footer + 64 <= length <= 2 * footer - 56 and greatest >> 32 < EPOCH_LIMIT, "an entry")
            self.entries.append((number, role, length, footer, frames, crc))
        require(len({entry[0] for entry in self.entries}) == count, "a segment is there twice")

    # Step 2

    def read_position(self):
        self.synced = None
        try:
            data = self.file("POSITION")
        except FileNotFoundError:
            return
        rest = struct.pack("<HH", 1, 0) + self.identifier
        if len(data) != 4096 or data[:32] != b"CKPTPOS\n" + struct.pack("<I", masked(rest)) + rest:
            return
        generation, = struct.unpack_from("<Q", data, 256)
        if generation and generation & 0xFF == check_bits(generation >> 8) and generation >> 8 > self.generation:
            raise Damage("MANIFEST is older than one that was in force")
        synced = position(struct.unpack_from("<Q", data, 192)[0])
        if synced and 128 <= synced[1] <= SEGMENT_LIMIT and 0 < synced[0] < self.next_segment:
            self.synced = synced

    # Step 4

    def read_sealed(self, entry):
        number, role, length, footer_offset, count, crc = entry
        name = "%08x.%s" % (number, {1: "log", 2: "out"}[role])
        try:
            data = self.file(name)
        except FileNotFoundError:
            raise Damage("%s is missing" % name)
        if len(data) != length:
            raise Damage("%s has another length than the manifest states" % name)
        footer = data[footer_offset:-64]
        if masked(footer) == crc:
            try:
                entries, end = footer_entries(footer, count, number)
                require(end == footer_offset, "its frames end elsewhere than the footer begins")
                return entries
            except Invalid as error:
                raise Damage("%s: %s" % (name, error))
        frames, offset = [], 128
        try:
            while offset < footer_offset:
                frame = Frame(self.identifier, number, data[:footer_offset], offset)
                if frame.kind in (REFERENCE, FREED):
                    frame.check_payload(data[:footer_offset])
                frames.append(frame)
                offset += frame.length
            require(offset == footer_offset and masked(encode_footer(frames)) == crc, "it is not the segment that the manifest lists")
        except Invalid as error:
            raise Damage("%s: %s" % (name, error))
        return frames

    # Step 5: "The end of a log"

    def read_chain(self):
        names = sorted(name for name in os.listdir(self.directory) if re.fullmatch(r"[0-9a-f]{8}\.log", name))
        chain = [int(name[:8], 16) for name in names if int(name[:8], 16) > self.last_sealed]
        chain = [number for number in chain if os.path.isfile(os.path.join(self.directory, "%08x.log" % number))]
        self.known = self.promised = self.synced
        has_statement = self.synced is not None
        self.has_stragglers = False
        named, previous, end, last, is_empty_after = set(), self.last_sealed, None, None, True
        newest_epoch, files, complete = 0, {}, []
        for number in chain:
            data = self.file("%08x.log" % number)[:OFFSET_LIMIT - 8]
            files[number] = data
            try:
                before, epoch = segment_header(data, self.identifier, number, 1)
                named.add(before)
            except Invalid:
                before = None
            if end is not None:
                self.find_stragglers(number, data, 0)
                continue
            if before != previous:
                end, is_empty_after = (number, 0), not any(data)
                self.find_stragglers(number, data, 0)
                continue
            newest_epoch = max(newest_epoch, epoch)
            frames, offset, has_rolled = self.read_batches(number, data)
            complete += frames
            last = (number, offset)
            previous = number
            if not has_rolled:
                end, is_empty_after = last, not any(data[offset:])
                if not is_empty_after:
                    self.find_stragglers(number, data, offset)
        cut = self.first_lost_value(complete)
        if cut is not None and (end is None or end[1] == 0 or cut < end):
            end, is_empty_after = cut, False
            complete = [frame for frame in complete if frame.place < cut]
            for number in (number for number in chain if number >= cut[0]):
                self.find_stragglers(number, files[number], cut[1] if number == cut[0] else 0)
        self.records += complete
        found, has_open_end = end, end is not None
        if end is not None and end[1] == 0 and self.known is not None and self.known[0] < end[0]:
            has_open_end = False
        if not has_open_end:
            end = last if last is not None else (self.last_sealed, OFFSET_LIMIT)
        newest_epoch = max([newest_epoch] + [frame.append >> 32 for frame in complete])
        if any(number > self.last_sealed and number not in chain for number in named):
            raise Damage("a segment of the chain is missing")
        if newest_epoch >= self.next_epoch:
            raise Damage("MANIFEST is older than the last segment of the chain")
        if not has_statement and self.has_stragglers:
            raise Damage("frames stand after the end of the log at %s, and POSITION does not tell of a power cut" % (end,))
        if self.known is not None and end < self.known and not (not has_open_end and self.known[1] <= 128):
            raise Damage("the log ends at %s, and was durable up to %s" % (end, self.known))
        self.verdict = "clean" if found is None or is_empty_after else "torn tail"

    def note(self, promise):
        if promise is not None and (self.known is None or promise > self.known):
            self.known = promise

    def read_batches(self, number, data):
        """The frames of complete batches, where the last of these ends, and whether that is a roll frame."""
        complete, batch, end, offset = [], [], 128, 128
        while True:
            try:
                frame = Frame(self.identifier, number, data, offset)
                frame.check_payload(data)
            except Invalid:
                return complete, end, False
            batch.append(frame)
            offset += frame.length
            if frame.flags & CONTINUES:
                continue
            for each in batch:
                self.note(each.promise)
            complete += batch
            end, batch = offset, []
            if frame.kind == ROLL:
                return complete, end, True

    def find_stragglers(self, number, data, start):
        for offset in range(start, len(data) - 63, 8):
            if data[offset:offset + 8] == bytes(8):
                continue
            try:
                frame = Frame(self.identifier, number, data, offset)
            except Invalid:
                continue
            self.has_stragglers = True
            self.note(frame.promise)

    # "Values that were not synced"

    def first_lost_value(self, chain):
        """Where the log ends for want of a value that did not reach the disk; None where it does not."""
        cut = None
        records = self.records + chain
        for frame in sorted((frame for frame in chain if frame.flags & UNSYNCED), key=lambda frame: frame.place, reverse=True):
            if self.known is not None and frame.place < self.known:
                continue
            try:
                self.large_value(frame)
                continue
            except Invalid:
                pass
            if self.is_superseded(frame, records):
                self.lost.add(frame.place)
                continue
            cut = frame.place
            records = self.records + [other for other in chain if other.place < cut]
        return cut

    def is_superseded(self, frame, records):
        same = [other for other in records if other.name == frame.name]
        removed = {other.number for other in same if other.kind == VERSION_REMOVAL}
        return (frame.number in removed
                or any(other.kind in (VALUE, REFERENCE) and other.number > frame.number and other.number not in removed for other in same)
                or any(other.kind == REMOVAL and other.number > frame.number for other in same)
                or any(other.kind == REMOVAL_OF_ALL and other.number > frame.number and other.level in (0, frame.level)
                       for other in records))

    # Step 7: "What is live"

    def retention(self, level):
        return self.policies.get(level, (1 if level == 1 else 2, 0, 0))

    def is_over(self, record, age):
        """Whether a version that is not the newest is too old to be kept."""
        return age > 0 and record.time < self.now - age

    def floor(self, level):
        return max([record.number for record in self.records
                    if record.kind == REMOVAL_OF_ALL and record.level in (0, level)], default=0)

    def decide_what_is_live(self):
        self.now = int(time.time() * 1e6)
        floors = {level: self.floor(level) for level in {record.level for record in self.records}}
        removals, versions, groups, labels, members = {}, {}, {}, {}, {}
        for record in self.records:
            name = record.name
            if record.kind == REMOVAL:
                removals[name] = max(removals.get(name, 0), record.number)
            elif record.kind == VERSION_REMOVAL:
                versions.setdefault(name, {})[record.number] = record
            elif record.kind in (VALUE, REFERENCE) and record.place not in self.lost:
                versions.setdefault(name, {}).setdefault(record.number, record)
                members[record.number, record.level, record.key] = record
            elif record.kind == GROUP_REMOVAL:
                groups.setdefault(name, {})[record.number] = record
            elif record.kind == GROUP:
                groups.setdefault(name, {}).setdefault(record.number, record)
            elif record.kind == LABELS and (name not in labels or labels[name].number < record.number):
                labels[name] = record
        self.versions = {}
        for name, records in versions.items():
            count, interval, age = self.retention(name[0])
            least = max(floors[name[0]], removals.get(name, 0))
            numbers = sorted((number for number in records if number > least), reverse=True)
            labelled = self.labelled(labels[name]) if name in labels else set()
            kept = [number for index, number in enumerate(numbers)
                    if index < count or interval and records[number].flags & MARKED or number in labelled]
            kept = [number for number in kept if number == numbers[0] or number in labelled or not self.is_over(records[number], age)]
            kept = [records[number] for number in kept if records[number].kind != VERSION_REMOVAL]
            if kept:
                self.versions[name] = kept
        self.groups, self.damaged_groups = {}, []
        for name, records in groups.items():
            numbers = sorted((number for number in records if number > floors[name[0]]), reverse=True)
            for number in numbers[:self.retention(name[0])[0]]:
                group = records[number]
                if group.kind == GROUP_REMOVAL or number != numbers[0] and self.is_over(group, self.retention(name[0])[2]):
                    continue
                try:
                    keys = self.member_keys(group)
                except Damage as damage:
                    # Of this group alone; its members have versions of their own.
                    self.damaged_groups.append(damage)
                    continue
                if any(removals.get((name[0], b"", key), 0) > number for key in keys):
                    continue
                first = number - len(keys)
                taken = [versions.get((name[0], b"", key), {}).get(first + index) for index, key in enumerate(keys)]
                if any(record and record.kind == VERSION_REMOVAL for record in taken):
                    continue
                found = [members.get((first + index, name[0], key)) for index, key in enumerate(keys)]
                if None not in found:
                    self.groups.setdefault(name, []).append(found)

    def labelled(self, record):
        cursor = Cursor(self.content(record))
        entries = []
        for _ in range(cursor.varint()):
            number, = cursor.unpack("Q")
            entries.append((number, cursor.take(cursor.varint())))
        cursor.end("labels")
        return {number for number, _ in entries}

    def member_keys(self, record):
        cursor = Cursor(self.content(record))
        keys = [cursor.take(cursor.varint()) for _ in range(cursor.varint())]
        cursor.end("the members of a group")
        return keys

    # Step 8

    def frame(self, record):
        """The frame of a record that a footer lists, whole and checked."""
        if isinstance(record, Frame) and record.payload is not None:
            return record
        number, offset = record.place
        role = {entry[0]: entry[1] for entry in self.entries}.get(number, 1)
        data = self.file("%08x.%s" % (number, {1: "log", 2: "out"}[role]))
        frame = Frame(self.identifier, number, data, offset)
        frame.check_payload(data)
        require(frame.number == record.number and frame.name == record.name, "another record stands there")
        return frame

    def content(self, record):
        try:
            frame = self.frame(record)
            return self.large_value(frame) if frame.kind == REFERENCE else frame.decompressed()
        except Invalid as error:
            raise Damage("record %d at %s: %s" % (record.number, record.place, error))

    def large_value(self, reference):
        segment, chunks, length, file_length, crc, zero, number = struct.unpack("<IIQQIIQ", reference.payload)
        require(zero == 0 and chunks <= 65536, "a reference")
        try:
            data = self.file("%08x.val" % segment)
        except FileNotFoundError:
            raise Invalid("its value segment is missing")
        require(len(data) == file_length and file_length >= 192, "the length of its value segment")
        trailer = Cursor(data[-64:])
        require(trailer.take(8) == b"CKPTEND\n" and trailer.unpack("I")[0] == masked(data[-52:]), "a trailer")
        footer_crc, footer_offset, footer_length, count, stated = trailer.unpack("IQQQQ")
        require(not any(trailer.take(16)) and (footer_crc, count, stated) == (crc, chunks, segment), "another trailer")
        require(footer_offset + footer_length + 64 == file_length, "a trailer")
        footer = data[footer_offset:-64]
        require(masked(footer) == crc, "the checksum of a footer")
        entries, end = footer_entries(footer, chunks, segment)
        require(end == footer_offset, "the footer of a value segment")
        parts = []
        for entry in entries:
            chunk = Frame(self.identifier, segment, data, entry.place[1])
            chunk.check_payload(data)
            require(chunk.kind == CHUNK and chunk.number == number and chunk.crc == entry.crc, "a chunk of another value")
            parts.append(chunk.decompressed())
        value = b"".join(parts)
        require(len(value) == length, "the length of a value")
        return value


def described(record, content, group=None):
    fields = {
        "level": record.level, "key": record.key.decode(errors="replace"), "origin": record.origin.decode(errors="replace"),
        "number": record.number, "time": record.time, "bytes": len(content), "crc": checksum(content),
    }
    return {"group": group.decode(errors="replace"), **fields} if group is not None else fields


def show(fields, as_json):
    if as_json:
        print(json.dumps(fields))
    else:
        group = "%s: " % fields["group"] if "group" in fields else ""
        origin = " from %s" % fields["origin"] if fields["origin"] else ""
        print("level %d  %s%s%s  number %d  %d bytes" % (
            fields["level"], group, fields["key"], origin, fields["number"], fields["bytes"]))


def run(options):
    log = Log(options.directory)
    if options.command == "list":
        for _, versions in sorted(log.versions.items()):
            show(described(versions[0], log.content(versions[0])), options.json)
        for name, groups in sorted(log.groups.items()):
            for member in groups[0]:
                show(described(member, log.content(member), name[2]), options.json)
        return 0
    if options.command == "verify":
        count = 0
        for versions in list(log.versions.values()) + [group for groups in log.groups.values() for group in groups]:
            for version in versions:
                log.content(version)
                count += 1
        for damage in log.damaged_groups:
            raise damage
        print(json.dumps({"verdict": log.verdict, "values": count}) if options.json else "%s; %d values can be read" % (log.verdict, count))
        return 0
    found = [versions for name, versions in log.versions.items()
             if name[2] == options.key.encode() and options.level in (None, name[0])]
    if not found:
        print("there is no checkpoint of that key", file=sys.stderr)
        return 1
    versions = max(found, key=lambda versions: versions[0].number)
    if options.command == "history":
        for version in versions:
            show(described(version, log.content(version)), options.json)
        return 0
    content = log.content(versions[0])
    if options.json:
        print(json.dumps({**described(versions[0], content), "hex": content.hex()}))
    elif versions[0].flags & RAW:
        sys.stdout.buffer.write(content)
    else:
        import cbor2
        print(cbor2.loads(content))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["list", "get", "history", "verify"])
    parser.add_argument("directory")
    parser.add_argument("key", nargs="?")
    parser.add_argument("--level", type=int)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if (options.key is None) == (options.command in ("get", "history")):
        parser.error("give a key to `get` and `history`, and to no other")
    try:
        return run(options)
    except Damage as damage:
        print("damage: %s" % damage, file=sys.stderr)
        return 2
    except Unsupported as reason:
        print("unsupported: %s" % reason, file=sys.stderr)
        return 3
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
