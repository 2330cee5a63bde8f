#!/usr/bin/env python3
"""What a new file for each large value costs, beside files that are written over: microseconds for each.

usage: new-files.py [--directory DIRECTORY] [--values N] [--kibibytes N] [--live N]

A log gives each large value a file, and removes it when the value is dead. Timed are the system calls alone, in a new directory: making a
file, writing to it, and removing the oldest one once more than --live are there; then the same with the oldest file renamed and written
over. Nothing is synced. What a file system does for new pages and blocks is in the write; ext4 also passes over the numbers of files that
were removed in the last minute, so that making a file takes longer the more were removed.
"""

import argparse
import os
import shutil
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--directory", default=".")
parser.add_argument("--values", type=int, default=2000)
parser.add_argument("--kibibytes", type=int, default=1024)
parser.add_argument("--live", type=int, default=80)
options = parser.parse_args()


def run(directory, isReused):
    value = os.urandom(options.kibibytes << 10)
    times = {"make": 0.0, "write": 0.0, "remove": 0.0}
    files = {}

    def name(number):
        return os.path.join(directory, f"{number:08x}.val")

    def timed(part, call, *arguments):
        start = time.perf_counter()
        result = call(*arguments)
        times[part] += time.perf_counter() - start
        return result

    for number in range(options.values):
        old = number - options.live
        if isReused and old >= 0:
            timed("make", os.rename, name(old), name(number))
            files[number] = files.pop(old)
        else:
            files[number] = timed("make", os.open, name(number), os.O_CREAT | os.O_RDWR | os.O_EXCL, 0o600)
        timed("write", os.pwrite, files[number], value, 0)
        if not isReused and old >= 0:
            timed("remove", lambda: (os.close(files.pop(old)), os.unlink(name(old))))
    for file in files.values():
        os.close(file)
    return {part: seconds * 1e6 / options.values for part, seconds in times.items()}


for title, isReused in (("new files", False), ("written over", True)) * 2:
    directory = tempfile.mkdtemp(dir=options.directory)
    try:
        times = run(directory, isReused)
    finally:
        shutil.rmtree(directory)
    parts = ", ".join(f"{part} {microseconds:.0f}" for part, microseconds in times.items())
    print(f"{title}: {parts}; {sum(times.values()):.0f} µs in all")
