#!/usr/bin/env python3
"""An independent reader of checkpoint logs, written from FORMAT.md alone, with nothing but the standard library.

usage: reader.py DIRECTORY

Prints a line for the newest record of each (level, origin, key), and for each member of the newest group of each name:
    value LEVEL ORIGIN KEY NUMBER CRC BYTES          (origin and key in hexadecimal, - for none)
    member LEVEL GROUP KEY NUMBER CRC BYTES
The CRC is that of the content, not masked. A log that is damaged, or that this reader does not know, ends it with a message.
It takes every log for one that was left under another boot.
"""

import os
import struct
import sys
import zlib

(VALUE, REFERENCE, REMOVAL, REMOVAL_OF_ALL, GROUP, ROLL, PROMISE, CHUNK, MARK, FREED, VERSION_REMOVAL,
 GROUP_REMOVAL, LABELS) = range(1, 14)
LATE, CONTINUES, UNSYNCED, MARKED = 1, 2, 16, 32
HEADER, FRAME, TRAILER = 128, 64, 64
LIMIT = 2 << 20


class Damage(Exception):
    pass


def require(condition, what):
    if not condition:
        raise Damage(what)


# Conventions

TABLE = []
for entry in range(256):
    for _ in range(8):
        entry = entry >> 1 ^ (0x82F63B78 if entry & 1 else 0)
    TABLE.append(entry)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def masked(crc):
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


require(crc32c(b"123456789") == 0xE3069283, "this reader's checksum")


class Cursor:
    def __init__(self, data):
        self.data, self.offset = data, 0

    def take(self, count):
        require(count <= len(self.data) - self.offset, "bytes end early")
        self.offset += count
        return self.data[self.offset - count:self.offset]

    def unpack(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))

    def varint(self):
        result = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                require(result < 1 << 64, "varint")
                return result
        raise Damage("varint")

    def zigzag(self):
        word = self.varint()
        return word >> 1 ^ -(word & 1)


def check_bits(bits):
    return ((bits + 0x5851F42D4C957F2D) * 0x9E3779B97F4A7C15 & (1 << 64) - 1) >> 56


def position(word):
    """Segment and offset; None for zero and for wrong check bits."""
    bits = word >> 8
    if word & 0xFF != check_bits(bits):
        return None
    return (bits >> 24, (bits & 0xFFFFFF) * 8)


# Frames


class Frame:
    pass


def frame_header(log, segment, data, offset):
    """The frame's header at `offset`, with key, origin and metadata: rules 1 to 3."""
    head = data[offset:offset + FRAME]
    require(len(head) == FRAME, "the header ends early")
    frame = Frame()
    frame.offset = offset
    (crc, frame.kind, frame.flags, frame.level, frame.compression, stored, contents, metadata, frame.payload_crc,
     frame.content_crc, frame.number, frame.append, frame.time, promise, keys, origins,
     ordinal) = struct.unpack("<IBBBB3s3sHIIQQqQHHI", head)
    frame.stored, frame.content = int.from_bytes(stored, "little"), int.from_bytes(contents, "little")
    require(keys <= 1024 and origins <= 1024 and metadata <= 4096, "key, origin or metadata over the limit")
    prefix = data[offset:offset + FRAME + keys + origins + metadata]
    require(len(prefix) == FRAME + keys + origins + metadata, "key, origin and metadata end early")
    require(masked(crc32c(log + struct.pack("<QQ", segment, offset) + prefix[4:])) == crc, "header CRC")
    frame.crc = crc
    frame.key, frame.origin = prefix[FRAME:FRAME + keys], prefix[FRAME + keys:FRAME + keys + origins]
    frame.metadata = prefix[FRAME + keys + origins:]
    frame.promise = position(promise)
    frame.place = (segment, offset)
    frame.start = offset + len(prefix)
    frame.bytes = len(prefix) + frame.stored + 7 & ~7
    require(VALUE <= frame.kind <= LABELS and frame.flags < 64 and frame.compression < 3, "kind, flags or compression")
    require(not frame.flags & UNSYNCED or frame.kind == REFERENCE, "a flag of references")
    require(frame.stored <= LIMIT and frame.content <= LIMIT and (
        ordinal == 0 or frame.kind in (VALUE, REFERENCE, GROUP, VERSION_REMOVAL, GROUP_REMOVAL)), "length over the limit, or an ordinal")
    require(metadata == 0 or frame.kind in (VALUE, REFERENCE, GROUP), "metadata of a frame that has none")
    require(not frame.flags & MARKED or ordinal > 0, "a marked version without an ordinal")
    require(frame.kind not in (VERSION_REMOVAL, GROUP_REMOVAL) or frame.flags & LATE, "the end of one record that is not late")
    require(promise == 0 or frame.promise, "check bits of the promise")
    require(frame.number != 0, "no sequence number")
    require(frame.append > frame.number if frame.flags & LATE else frame.append == frame.number, "append number")
    if frame.compression == 0:
        require(frame.stored == frame.content and frame.payload_crc == frame.content_crc, "uncompressed, yet not alike")
    keyless = frame.kind in (REMOVAL_OF_ALL, ROLL, PROMISE, FREED)
    require(keyless == (keys == 0) and (frame.level > 0 or keyless) and (origins == 0 or not keyless), "key or level")
    return frame


def check_payload(frame, data):
    """Rules 4 and 5."""
    end = frame.offset + frame.bytes
    require(end <= len(data), "the payload ends early")
    frame.payload = data[frame.start:frame.start + frame.stored]
    require(masked(crc32c(frame.payload)) == frame.payload_crc, "payload CRC")
    require(not any(data[frame.start + frame.stored:end]), "padding")


def lz4_block(source, count):
    out, at = bytearray(), 0
    while at < len(source):
        token = source[at]
        at += 1
        literals = token >> 4
        if literals == 15:
            while True:
                literals += source[at]
                at += 1
                if source[at - 1] != 255:
                    break
        out += source[at:at + literals]
        at += literals
        if at >= len(source):
            break
        back = source[at] | source[at + 1] << 8
        at += 2
        length = (token & 15) + 4
        if token & 15 == 15:
            while True:
                length += source[at]
                at += 1
                if source[at - 1] != 255:
                    break
        require(0 < back <= len(out) and len(out) + length <= count, "LZ4")
        for _ in range(length):
            out.append(out[-back])
    return bytes(out)


def content(frame):
    if frame.compression == 0:
        result = frame.payload
    elif frame.compression == 1:
        result = lz4_block(frame.payload, frame.content)
    else:
        expander = zlib.decompressobj()
        result = expander.decompress(frame.payload, frame.content)
        require(expander.eof and not expander.unused_data, "zlib")
    require(len(result) == frame.content and masked(crc32c(result)) == frame.content_crc, "content")
    return result


# Segments


class Log:
    def __init__(self, directory):
        self.directory = directory
        self.records = []  # every frame of every complete batch, with its segment and the file's bytes
        self.manifest()
        for segment in self.segments:
            self.sealed(*segment)
        self.chain()

    def read(self, name):
        with open(os.path.join(self.directory, name), "rb") as file:
            return file.read()

    def manifest(self):
        data = self.read("MANIFEST")
        require(data[:8] == b"CKPTMAN\n", "not a manifest")
        cursor = Cursor(data[8:])
        require(cursor.unpack("I")[0] == masked(crc32c(data[12:])), "CRC of the manifest")
        version, zero, required, _ = cursor.unpack("HHQQ")
        require(version == 1 and required == 0 and zero == 0, "a version or feature that this reader does not know")
        self.log = cursor.take(16)
        cursor.take(16)
        self.generation, self.next_epoch, _, self.last_sealed, count, policies, zero = cursor.unpack("QIIIIII")
        require(zero == 0, "reserved bytes of the manifest")
        self.openings = cursor.unpack("32Q")
        require(all(word == 0 for word in self.openings[self.next_epoch - 1:]), "an opening that never was")
        self.policies = {}
        for _ in range(policies):
            (level, durability, zero, count_kept, interval, zeros, age) = cursor.unpack("BBHIIIq")
            require(level > max(self.policies, default=0) and zero == zeros == 0 and durability <= 2, "a policy")
            require(1 <= count_kept <= 1024 and (interval == 0 or 2 <= interval <= 1000000) and age >= 0, "a retention")
            self.policies[level] = (durability, count_kept, interval, age)
        self.segments = []
        for _ in range(count):
            (number, role, length, footer, entries, crc, _, _, _, zero) = cursor.unpack("IIQQIIQQqQ")
            self.segments.append((number, role, length, footer, entries, crc))
        require(cursor.offset == len(cursor.data), "length of the manifest")

    def header(self, data, number, role):
        require(data[:8] == b"CKPTSEG\n" and len(data) >= HEADER, "not a segment")
        cursor = Cursor(data[8:HEADER])
        require(cursor.unpack("I")[0] == masked(crc32c(data[12:HEADER])), "CRC of a segment header")
        version, found, zero, required, _ = cursor.unpack("HBBQQ")
        require(version == 1 and required == 0, "a version or feature that this reader does not know")
        log = cursor.take(16)
        segment, _, previous, _ = cursor.unpack("QQQq")
        cursor.take(16)
        require((found, zero, log, segment) == (role, 0, self.log, number), "another segment's header")
        require(not any(cursor.take(32)), "reserved bytes of a segment header")
        return previous

    def sealed(self, number, role, length, footer_offset, entries, footer_crc):
        name = "%08x.%s" % (number, {1: "log", 2: "out"}[role])
        data = self.read(name)
        require(len(data) == length, name + ": length")
        self.header(data, number, role)
        frames = []
        offset = HEADER
        while offset < footer_offset:
            frame = frame_header(self.log, number, data, offset)
            check_payload(frame, data)
            frames.append(frame)
            offset += frame.bytes
        require(offset == footer_offset, name + ": frames end elsewhere than the footer begins")
        self.footer(data, number, footer_offset, entries, footer_crc, frames)
        self.records += frames

    def footer(self, data, number, offset, entries, crc, frames):
        trailer = Cursor(data[-TRAILER:])
        require(trailer.take(8) == b"CKPTEND\n", "not a trailer")
        require(trailer.unpack("I")[0] == masked(crc32c(data[-TRAILER + 12:])), "CRC of a trailer")
        require(trailer.unpack("IQQQQ") == (crc, offset, len(data) - TRAILER - offset, entries, number), "trailer")
        require(not any(trailer.take(16)), "reserved bytes of a trailer")
        footer = data[offset:-TRAILER]
        require(masked(crc32c(footer)) == crc, "CRC of a footer")
        cursor = Cursor(footer)
        number, time = 0, 0
        require(len(frames) == entries, "entries of a footer")
        for frame in frames:
            length = cursor.varint() * 8
            kind, flags, level = cursor.take(3)
            number = number + cursor.zigzag() & (1 << 64) - 1
            append = number + (cursor.varint() if flags & LATE else 0)
            time += cursor.zigzag()
            header_crc, = cursor.unpack("I")
            content_bytes = cursor.varint()
            key = cursor.take(cursor.varint())
            origin = cursor.take(cursor.varint())
            if kind in (REFERENCE, FREED):
                require(cursor.varint() == struct.unpack_from("<I", frame.payload)[0], "value segment in a footer")
            if kind == REFERENCE:
                require(cursor.varint() == struct.unpack_from("<Q", frame.payload, 16)[0], "bytes of a file in a footer")
            stated = (length, kind, flags, level, number, append, time, header_crc, content_bytes, key, origin)
            found = (frame.bytes, frame.kind, frame.flags, frame.level, frame.number, frame.append, frame.time,
                     frame.crc, frame.content, frame.key, frame.origin)
            require(stated == found, "an entry of a footer")
        rest = footer[cursor.offset:]
        require(len(rest) < 8 and not any(rest), "padding of a footer")

    # The end of a log

    def chain(self):
        numbers = sorted(int(name[:8], 16) for name in os.listdir(self.directory)
                         if len(name) == 12 and name.endswith(".log"))
        end, last, known, previous, open_end = None, None, self.synced(), self.last_sealed, True
        for number in (number for number in numbers if number > self.last_sealed):
            data = self.read("%08x.log" % number)
            start = 0
            if open_end:
                try:
                    require(self.header(data, number, 1) == previous, "another chain")
                    start, rolled, known = self.scan(data, number, known)
                    previous, open_end = number, rolled
                    end = last = (number, start)
                except Damage:
                    end, open_end = (number, 0), False
            if not open_end:
                known = self.promises(data, number, start, known)
        cut = self.lost_value(known)
        if cut is not None:
            end, open_end = cut, False
        elif known is not None and end is not None and end[1] == 0 and known[0] < end[0]:
            end, open_end = last, True
        complete = open_end
        if known is None or end is not None and end >= known:
            return
        if complete and known[1] <= HEADER or end is None and known[0] <= self.last_sealed:
            return
        raise Damage("the chain ends at %s and was good up to %s" % (end, known))

    def lost_value(self, known):
        """The place of the first reference whose value did not reach the disk, where nothing superseded it."""
        cut = None
        sealed = set(segment[0] for segment in self.segments)
        references = [frame for frame in self.records if frame.flags & UNSYNCED and frame.place[0] not in sealed]
        for frame in sorted(references, key=lambda frame: frame.place, reverse=True):
            if known is not None and frame.place < known or self.is_there(frame) or self.is_superseded(frame):
                continue
            cut = frame.place
            self.records = [other for other in self.records if other.place[0] in sealed or other.place < cut]
        return cut

    def is_there(self, frame):
        try:
            self.large(frame)
            return True
        except (Damage, FileNotFoundError):
            return False

    def is_superseded(self, frame):
        same = [other for other in self.records
                if (other.level, other.origin, other.key) == (frame.level, frame.origin, frame.key)]
        removed = set(other.number for other in same if other.kind == VERSION_REMOVAL)
        return (frame.number in removed
                or any(other.kind in (VALUE, REFERENCE) and other.number > frame.number
                       and other.number not in removed for other in same)
                or any(other.kind == REMOVAL and other.number > frame.number for other in same)
                or any(other.kind == REMOVAL_OF_ALL and other.number > frame.number
                       and other.level in (0, frame.level) for other in self.records))

    def synced(self):
        try:
            data = self.read("POSITION")
        except FileNotFoundError:
            return None
        head = Cursor(data)
        require(head.take(8) == b"CKPTPOS\n" and head.unpack("I")[0] == masked(crc32c(data[12:32])), "POSITION")
        require(head.unpack("HH") == (1, 0) and head.take(16) == self.log, "POSITION of another log")
        generation = struct.unpack_from("<Q", data, 256)[0]
        if generation & 0xFF == check_bits(generation >> 8) and generation >> 8 > self.generation:
            raise Damage("the manifest is older than the one that POSITION states")
        return position(struct.unpack_from("<Q", data, 192)[0])

    def scan(self, data, number, known):
        """The end of the last complete batch, whether a roll frame ends it, and the greatest promise."""
        end, offset, batch = HEADER, HEADER, []
        while True:
            try:
                frame = frame_header(self.log, number, data, offset)
                check_payload(frame, data)
            except Damage:
                return end, False, known
            batch.append(frame)
            offset += frame.bytes
            if frame.flags & CONTINUES:
                continue
            for each in batch:
                known = max(filter(None, [known, each.promise]), default=None)
            self.records += batch
            end, batch = offset, []
            if frame.kind == ROLL:
                return end, True, known

    def promises(self, data, number, start, known):
        for offset in range(start, len(data) - FRAME + 1, 8):
            if not any(data[offset:offset + 8]):
                continue
            try:
                known = max(filter(None, [known, frame_header(self.log, number, data, offset).promise]), default=None)
            except Damage:
                pass
        return known

    # What is live

    def large(self, reference):
        segment, chunks, total, length, crc, zero, number = struct.unpack("<IIQQIIQ", reference.payload)
        data = self.read("%08x.val" % segment)
        require(len(data) == length and zero == 0, "length of a value segment")
        self.header(data, segment, 3)
        footer_offset, = struct.unpack_from("<Q", data, length - TRAILER + 16)
        frames, offset = [], HEADER
        while offset < footer_offset:
            frame = frame_header(self.log, segment, data, offset)
            check_payload(frame, data)
            require(frame.kind == CHUNK and frame.number == number, "a chunk of another value")
            frames.append(frame)
            offset += frame.bytes
        self.footer(data, segment, footer_offset, chunks, crc, frames)
        result = b"".join(content(frame) for frame in frames)
        require(len(result) == total, "bytes of a large value")
        return result

    def bytes_of(self, frame):
        return self.large(frame) if frame.kind == REFERENCE else content(frame)

    def labelled(self, frame):
        """The versions that are pinned or have a name."""
        if frame is None:
            return set()
        require(frame.compression == 0, "labels")
        cursor = Cursor(frame.payload)
        entries = []
        for _ in range(cursor.varint()):
            number, = cursor.unpack("Q")
            entries.append((number, cursor.take(cursor.varint())))
        names = [name for _, name in entries if name]
        require(cursor.offset == len(cursor.data) and entries == sorted(set(entries)) and len(entries) <= 4096
                and len(names) == len(set(names)), "labels")
        return set(number for number, _ in entries)

    def live(self):
        """The newest of each name, with the removals and the floors that end older ones."""
        floors, removed, versions, groups, numbered, labels = {}, {}, {}, {}, {}, {}
        gone = set()  # versions and groups that were removed by themselves
        freed = set()
        for frame in self.records:
            if frame.kind == FREED:
                require(len(frame.payload) == 8 and frame.compression == 0, "a freed value")
                segment, zero = struct.unpack("<II", frame.payload)
                require(segment > 0 and zero == 0, "a freed value")
                freed.add(segment)
        for frame in self.records:
            if frame.kind == REFERENCE and struct.unpack_from("<I", frame.payload)[0] in freed:
                continue
            name = (frame.level, frame.origin, frame.key)
            if frame.kind == REMOVAL_OF_ALL:
                floors[frame.level] = max(floors.get(frame.level, 0), frame.number)
            elif frame.kind == REMOVAL:
                removed[name] = max(removed.get(name, 0), frame.number)
            elif frame.kind == VERSION_REMOVAL:
                gone.add((name, frame.number))
                # It stands in the place of the version, whichever of the two is read first.
                versions.setdefault(name, {})[frame.number] = frame
            elif frame.kind == LABELS:
                if name not in labels or labels[name].number < frame.number:
                    labels[name] = frame
            elif frame.kind == GROUP_REMOVAL:
                gone.add(("group", name, frame.number))
            elif frame.kind in (VALUE, REFERENCE):
                numbered[frame.number, frame.key] = frame
                versions.setdefault(name, {}).setdefault(frame.number, frame)
            elif frame.kind == GROUP and (name not in groups or groups[name].number < frame.number):
                groups[name] = frame
        floor = lambda level: max(floors.get(level, 0), floors.get(0, 0))
        values = {}
        for name, frames in versions.items():
            _, count, interval, _ = self.policies.get(name[0], (0, 1 if name[0] == 1 else 2, 0, 0))
            least = max(floor(name[0]), removed.get(name, 0))
            numbers = sorted((number for number in frames if number > least), reverse=True)
            labelled = self.labelled(labels.get(name))
            kept = numbers[:count] + [number for number in numbers[count:]
                                      if interval and frames[number].flags & MARKED or number in labelled]
            left = [number for number in kept if (name, number) not in gone]
            if left:
                values[name] = frames[left[0]]
        members = {}
        for name, group in groups.items():
            cursor = Cursor(content(group))
            keys = [cursor.take(cursor.varint()) for _ in range(cursor.varint())]
            require(cursor.offset == len(cursor.data), "the list of a group")
            ended = ("group", name, group.number) in gone or group.number <= floor(name[0]) or any(
                removed.get((group.level, b"", key), 0) > group.number for key in keys)
            if not ended:
                members[name] = [numbered.get((group.number - len(keys) + index, key))
                                 for index, key in enumerate(keys)]
        return values, {name: list for name, list in members.items() if all(list)}


def main():
    log = Log(sys.argv[1])
    values, groups = log.live()

    def line(what, name, frame, extra):
        data = log.bytes_of(frame)
        print(what, name[0], extra or "-", frame.key.hex(), frame.number, crc32c(data), len(data))

    for name, frame in sorted(values.items()):
        line("value", name, frame, frame.origin.hex())
    for name, members in sorted(groups.items()):
        for frame in members:
            line("member", name, frame, name[2].hex())


if __name__ == "__main__":
    try:
        main()
    except Damage as damage:
        sys.exit("damage: %s" % damage)
