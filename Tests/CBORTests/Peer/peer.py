"""An independent reader and writer of CBOR (cbor2) for PeerTests.

peer.py decode            each line of hexadecimal CBOR on standard input becomes a line that describes its value
peer.py accept            each such line becomes "accepted", or the reason why it is no CBOR
peer.py encode SEED COUNT  COUNT lines "MODE HEX DESCRIPTION" of records with the fields of PeerRecord
"""

import datetime
import decimal
import random
import struct
import sys
import uuid

import cbor2
import cbor2.decoder

decimal.getcontext().prec = 200
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

# RFC 8746: the struct format of each typed array that Swift has a type for.
TYPED = {64: "<B", 65: ">H", 66: ">I", 67: ">Q", 69: "<H", 70: "<I", 71: "<Q", 72: "<b", 73: ">h", 74: ">i", 75: ">q",
         77: "<h", 78: "<i", 79: "<q", 81: ">f", 82: ">d", 85: "<f", 86: "<d"}


def describe(value):
    if value is None or value is cbor2.undefined:
        return "null"
    if value is True or value is False:
        return str(value).lower()
    if isinstance(value, int):
        return f"i{value}"
    if isinstance(value, float):
        return "fnan" if value != value else "f" + struct.pack(">d", value).hex()
    if isinstance(value, str):
        return "s" + value.encode().hex()
    if isinstance(value, bytes):
        return "h" + value.hex()
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(describe(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(sorted(describe(key) + "=" + describe(item) for key, item in value.items())) + "}"
    if isinstance(value, datetime.datetime):
        return f"d{(value - EPOCH) // datetime.timedelta(milliseconds=1)}"
    if isinstance(value, uuid.UUID):
        return "u" + value.hex
    if isinstance(value, decimal.Decimal):
        if value.is_nan():
            return "Dnan"
        sign, digits, exponent = value.normalize().as_tuple() if value else (0, (0,), 0)
        return f"D{'-' if sign else ''}{''.join(map(str, digits))}e{exponent}"
    if isinstance(value, cbor2.CBORTag):
        if value.tag in TYPED:
            form = TYPED[value.tag]
            items = struct.unpack(f"{form[0]}{len(value.value) // struct.calcsize(form)}{form[1]}", value.value)
            return f"T{form[1]}" + describe(items)
        if value.tag == 32:
            return "U" + value.value.encode().hex()
    raise ValueError(f"no description of {type(value)}: {value!r}")


def indefinite(value):
    """Every container and string without its length, in chunks."""
    if isinstance(value, dict):
        return b"\xbf" + b"".join(indefinite(k) + indefinite(v) for k, v in value.items()) + b"\xff"
    if isinstance(value, list):
        return b"\x9f" + b"".join(map(indefinite, value)) + b"\xff"
    if isinstance(value, str):
        return b"\x7f" + b"".join(cbor2.dumps(value[i:i + 3]) for i in range(0, len(value), 3)) + b"\xff"
    if isinstance(value, bytes):
        return b"\x5f" + b"".join(cbor2.dumps(value[i:i + 5]) for i in range(0, len(value), 5)) + b"\xff"
    if isinstance(value, cbor2.CBORTag):
        return b"\xd8" + bytes([value.tag]) + indefinite(value.value)
    return cbor2.dumps(value)


class Generator:
    TEXTS = ["", "a", "e\u0301", "\u00e9", "\0", "\U0010ffff", "\ufeffmark", "\u05d0\u05d1", "\U0001f469\u200d\U0001f467",
             "x" * 300, "fifteen bytes..", "sixteen bytes...", "\u2028\u2029"]
    KEYS = ["", "a", "\u00fc", "\U0001f680", "key with spaces", "k" * 40, "0"]
    FLOATS = [0.0, -0.0, 1.5, 0.1, 65504.0, 65505.0, 2.0**-24, 2.0**-14, 3.4028234663852886e38, 5e-324, 1e300,
              float("inf"), float("-inf"), float("nan"), -4.1]

    def __init__(self, random):
        self.random = random

    def integer(self, low, high):
        pick = self.random.randrange(4)
        if pick == 0:
            return self.random.choice([low, high])
        if pick == 1:
            return self.random.randint(low, high)
        return max(low, min(high, self.random.choice([0, 23, 24, 255, 256, -1, -24, -25, 65535, 65536, 2**32, -2**32])))

    def double(self):
        if self.random.randrange(2):
            return self.random.choice(self.FLOATS)
        return self.random.uniform(-1e9, 1e9)

    def single(self):
        return struct.unpack("<f", struct.pack("<f", self.random.choice([0.0, -0.0, 1.5, 0.1, float("inf"), 1e30])))[0]

    def text(self):
        return self.random.choice(self.TEXTS)

    def several(self, make):
        return [make() for _ in range(self.random.choice([0, 1, 3, 30]))]

    def numbers(self, little, big, make):
        """The same numbers as a typed array of either order, or as a plain array; what is meant is the first."""
        items = self.several(make)
        wire = []
        for tag in (little, big):
            form = TYPED[tag]
            wire.append(cbor2.CBORTag(tag, struct.pack(f"{form[0]}{len(items)}{form[1]}", *items)))
        return self.random.choice(wire + [items]), wire[0]

    def choice(self):
        return self.random.choice([
            {"started": {}}, {"named": {"_0": self.text()}}, {"moved": {"x": self.double(), "y": self.double()}}])

    def record(self, depth=0):
        """The record to encode, and what it means."""
        wire, meaning = {}, {}

        def put(name, value, meant=None):
            wire[name] = value
            meaning[name] = value if meant is None else meant

        put("integer", self.integer(-2**63, 2**63 - 1))
        put("unsigned", self.integer(0, 2**64 - 1))
        put("small", self.integer(-128, 127))
        put("short", self.integer(0, 65535))
        put("wide", self.integer(-2**31, 2**31 - 1))
        put("huge", self.integer(-2**127, 2**127 - 1))
        put("vast", self.integer(0, 2**128 - 1))
        put("double", self.double())
        put("float", self.single())
        put("flag", bool(self.random.randrange(2)))
        put("text", self.text())
        if self.random.randrange(2):
            put("maybe", self.integer(-2**63, 2**63 - 1))
        put("data", self.random.randbytes(self.random.choice([0, 1, 23, 24, 300])))
        put("bytes", self.random.randbytes(self.random.choice([0, 1, 23, 24, 300])))
        put("doubles", *self.numbers(86, 82, self.double))
        put("floats", *self.numbers(85, 81, self.single))
        put("ints", *self.numbers(79, 75, lambda: self.integer(-2**63, 2**63 - 1)))
        put("words", *self.numbers(70, 66, lambda: self.integer(0, 2**32 - 1)))
        put("shorts", *self.numbers(77, 73, lambda: self.integer(-2**15, 2**15 - 1)))
        put("texts", self.several(self.text))
        put("flags", self.several(lambda: bool(self.random.randrange(2))))
        put("table", {key: self.double() for key in self.random.sample(self.KEYS, self.random.randrange(5))})
        numbered = {self.integer(-2**63, 2**63 - 1): self.text() for _ in range(self.random.randrange(4))}
        texts = {str(key): value for key, value in numbered.items()}
        put("numbered", self.random.choice([numbered, texts]), texts)
        put("date", EPOCH + datetime.timedelta(milliseconds=self.random.randrange(-10**12, 4 * 10**12)))
        put("identifier", uuid.UUID(int=self.random.getrandbits(128), version=4))
        put("link", cbor2.CBORTag(32, "https://example.org/?q=" + str(self.random.randrange(1000))))
        put("amount", decimal.Decimal(self.random.randrange(-10**30, 10**30)).scaleb(self.random.randrange(-30, 20)))
        put("choices", self.several(self.choice))
        children = [self.record(depth + 1) for _ in range(self.random.randrange(3) if depth < 2 else 0)]
        put("children", [child[0] for child in children], [child[1] for child in children])
        if self.random.randrange(2):
            wire["not a field"] = [self.random.choice([{}, [], {"deep": [None]}, cbor2.undefined])]
        return wire, meaning


def encode(seed, count):
    for index in range(count):
        wire, meaning = Generator(random.Random(seed * 1_000_003 + index)).record()
        mode = ["plain", "canonical", "timestamps", "indefinite"][index % 4]
        if mode == "indefinite":
            encoded = indefinite(wire)
            if describe(cbor2.loads(encoded)) != describe(cbor2.loads(cbor2.dumps(wire))):
                raise AssertionError("the indefinite form means something else")
        else:
            encoded = cbor2.dumps(wire, canonical=mode == "canonical", datetime_as_timestamp=mode == "timestamps")
        print(mode, encoded.hex(), describe(meaning))


def opinion(encoded):
    """What cbor2 says of the structure alone: a tag is looked behind, and not for whether it fits."""
    import io
    stream = io.BytesIO(encoded)
    try:
        cbor2.decoder.CBORDecoder(stream, tag_hook=lambda decoder, tag: None).decode()
    except Exception as error:
        return f"{type(error).__name__}: {error}".replace("\n", " ")
    return "accepted" if not stream.read() else "more bytes behind the item"


def main():
    if sys.argv[1] == "accept":
        # The decoder that is written in Python: that in C has its tags built in.
        cbor2.decoder.semantic_decoders.clear()
        # Lists in lists, as many as both sides allow: it reads each by calls in one another.
        sys.setrecursionlimit(10_000)
        for line in sys.stdin:
            print(opinion(bytes.fromhex(line)))
    elif sys.argv[1] == "decode":
        for line in sys.stdin:
            print(describe(cbor2.loads(bytes.fromhex(line))))
    else:
        encode(int(sys.argv[2]), int(sys.argv[3]))


main()
