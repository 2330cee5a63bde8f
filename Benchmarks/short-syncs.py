#!/usr/bin/env python3
"""What short syncs cost in a file whose blocks are allocated, and what it saves to sync the next pages as zeros ahead: microseconds for each.

usage: short-syncs.py [--directory DIRECTORY] [--syncs N] [--ahead KIBIBYTES]

A file of 64 MiB is allocated and mapped. Timed are rounds of storing some bytes behind the last ones and `fdatasync`. The first write to an
allocated block also changes the file's list of extents, which the sync has to write too, with a commit of the journal where there is one.
Then the same, but when the end passes what was populated, the next --ahead KiB are populated first (MADV_POPULATE_WRITE, Linux 5.14).
"""

import argparse
import mmap
import os
import statistics
import tempfile
import time

MADV_POPULATE_WRITE = 23

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--directory", default=".")
parser.add_argument("--syncs", type=int, default=1000)
parser.add_argument("--ahead", type=int, default=64)
options = parser.parse_args()


def run(byte_count, ahead):
    """The mean and the median of a round."""
    with tempfile.TemporaryFile(dir=options.directory) as file:
        size = max(64 << 20, byte_count * options.syncs + 2 * ahead + 8192)
        os.posix_fallocate(file.fileno(), 0, size)
        times = []
        with mmap.mmap(file.fileno(), size) as pages:
            value = b"\1" * byte_count
            end, populated = 128, 0
            for _ in range(options.syncs):
                start = time.perf_counter()
                pages[end:end + byte_count] = value
                end += byte_count
                if ahead > 0 and end > populated:
                    page = -(-end // mmap.PAGESIZE) * mmap.PAGESIZE
                    pages.madvise(MADV_POPULATE_WRITE, page, ahead)
                    populated = page + ahead
                pages.madvise(mmap.MADV_DONTNEED)
                os.fdatasync(file.fileno())
                times.append((time.perf_counter() - start) * 1e6)
        return statistics.mean(times), statistics.median(times)


print(f"{'bytes a sync':>14} {'mean, median':>16} {'populated ahead':>18}")
for byte_count in [256, 1024, 4096, 16384, 65536]:
    plain, populated = run(byte_count, 0), run(byte_count, options.ahead << 10)
    print(f"{byte_count:>14} {plain[0]:>9.0f} {plain[1]:>6.0f} {populated[0]:>11.0f} {populated[1]:>6.0f}")
