#!/usr/bin/env python3
"""What overwriting costs a log at least: disk against bytes written, by a model of its segments.

usage: cleaning-limit.py [--keys N] [--turns N]

The log of the workloads overwrite-soak, without a clock: live records fill 3.5 segments, each overwrite makes one record dead, and
whenever the full segments hold more than a given number of times the live records, the one with the fewest live ones is copied and goes
("greedy cleaning", the best choice for uniform overwrites; Rosenblum and Ousterhout, "The design and implementation of a log-structured
file system", 1992). Cleaning takes no time here, and happens at the first record over the bound. A footer has as many bytes as the log's
does. Printed for each bound: the disk at the worst moment, over 1.6 times the live bytes and four segments, and the bytes written for each
that is appended. A log can do worse, and no choice of a bound lets it do better in both.
"""

import argparse
import bisect
import itertools
import random

SEGMENTS_OF_LIVE = 3.5
# Of the workload's records: 64 bytes of header, 24 of key, 115 of payload and 5 of padding; 39 in the footer.
FRAME, FOOTER = 208, 39
# Segments that are there beside the full ones: the active one, the one prepared behind it, the reserve, and the output of a cleaning,
# which is whole before its inputs go.
OTHERS = 4


def uniform(keys):
    return lambda: random.randrange(keys)


def zipf(keys, exponent=0.99):
    sums = list(itertools.accumulate((number + 1) ** -exponent for number in range(keys)))
    places = list(range(keys))
    random.shuffle(places)
    return lambda: places[bisect.bisect_left(sums, random.random() * sums[-1])]


def run(choose, keys, turns, bound):
    capacity = int(keys / SEGMENTS_OF_LIVE)
    where = [None] * keys
    live, full, active, written, worst = {}, {}, 0, 0, 0
    fill, records = 0, set()
    number = 0
    by_segment = {0: set()}

    def append(key):
        nonlocal active, fill, written
        old = where[key]
        if old is not None:
            by_segment[old].discard(key)
        where[key] = active
        by_segment[active].add(key)
        written += FRAME
        fill += 1
        if fill == capacity:
            full[active] = capacity
            written += capacity * FOOTER
            active += 1
            by_segment[active] = set()
            fill = 0

    def clean():
        while len(full) * capacity > bound * keys:
            victim = min(full, key=lambda segment: len(by_segment[segment]))
            if len(by_segment[victim]) == capacity:
                return
            for key in list(by_segment[victim]):
                append(key)
            del full[victim], by_segment[victim]

    for key in range(keys):
        append(key)
    start, appended = None, 0
    for turn in range(turns * keys):
        if turn == turns * keys // 2:
            # What came before is the way to a steady state.
            start, appended, worst = written, 0, 0
        append(choose())
        appended += FRAME
        clean()
        worst = max(worst, len(full))
    disk = worst * capacity * (FRAME + FOOTER) + OTHERS * capacity * FRAME
    allowed = 1.6 * keys * FRAME + 4 * capacity * FRAME
    return disk / allowed, (written - start) / appended


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=20_000)
    parser.add_argument("--turns", type=int, default=40, help="overwrites, as a multiple of the keys")
    options = parser.parse_args()
    random.seed(1)
    print("choice   full ÷ live   disk ÷ (1.6 × live + 4 segments)   written for each appended")
    for name, choose in (("uniform", uniform(options.keys)), ("zipf", zipf(options.keys))):
        for bound in (1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.5):
            disk, written = run(choose, options.keys, options.turns, bound)
            print(f"{name:8} {bound:11.1f} {disk:37.2f} {written:25.2f}", flush=True)


main()
