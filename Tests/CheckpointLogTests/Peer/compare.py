"""Says what the Python reader finds in each directory whose path comes in on a line: one JSON object a line.

usage: compare.py FOLDER-OF-read_log.py < PATHS
"""

import functools
import json
import sys

sys.path.insert(0, sys.argv[1])
import read_log  # noqa: E402

# The logs are copies of one, in which a few bytes differ: most of what is checked was checked in the copy before.
checksum_once = functools.cache(read_log.checksum)
read_log.checksum = lambda data: checksum_once(bytes(data))


def described(log, record, group):
    """A record, and checksum and length of its content; both are -1 where that cannot be read."""
    try:
        data = log.content(record)
        crc, count = read_log.checksum(data), len(data)
    except read_log.Damage:
        crc, count = -1, -1
    level, origin, key = record.name
    return {
        "level": level, "origin": origin.hex(), "key": key.hex(), "group": group, "number": record.number, "crc": crc, "byteCount": count}


def outcome(directory):
    try:
        log = read_log.Log(directory)
    except read_log.Damage as damage:
        return {"verdict": "damage", "reason": str(damage), "values": []}
    except read_log.Unsupported as reason:
        return {"verdict": "unsupported", "reason": str(reason), "values": []}
    except FileNotFoundError as error:
        return {"verdict": "no log", "reason": str(error), "values": []}
    values = [described(log, version, "") for versions in log.versions.values() for version in versions]
    # The newest group of each name.
    values += [described(log, member, name[2].hex()) for name, groups in log.groups.items() for member in groups[0]]
    return {"verdict": "sound", "reason": log.verdict, "values": values}


for line in sys.stdin:
    print(json.dumps(outcome(line.rstrip("\n"))), flush=True)
