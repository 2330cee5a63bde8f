#!/usr/bin/env python3
"""Writes the figures of full runs into the tables of the performance article and of the README, and draws their pictures.

usage: fill-article.py [--check] [REPORT…]

A REPORT is what `Scripts/bench --json` wrote; by default those of Benchmarks/Results, one for each processor. The article has a column for each.
README and pictures are of the one that was measured last. --check writes nothing, and fails when article, README or pictures do not say what
the reports say. Drawing needs gnuplot (gnuplot-nox), checking does not.
"""

import glob
import json
import os
import sys

import pictures

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ARTICLE = os.path.join(ROOT, "Sources/CheckpointLog/Documentation.docc/Performance.md")
README = os.path.join(ROOT, "README.md")
PICTURES = os.path.join(ROOT, "Sources/CheckpointLog/Documentation.docc/Pictures")
BEGIN = "Figures: written by Benchmarks/fill-article.py."
END = "Figures end."


class Report:
    def __init__(self, path):
        with open(path) as file:
            self.content = json.load(file)
        self.source = os.path.relpath(path, ROOT)
        self.rows = {row["workload"]: row for row in self.content["rows"]}
        #: Its processor, which names its column.
        self.processor = self.content["machine"].split(",")[0].replace("(R)", "").replace(" Processor", "")
        quick = [name for name, row in self.rows.items() if row["quick"]]
        if self.content["rounds"] < 5:
            raise SystemExit(f"{path}: of a short run; the article's figures are those of Scripts/bench --full")
        if quick:
            raise SystemExit(f"{path}: {quick[0]} was measured with --quick, which is no claim")

    def peer(self, workload):
        """The best counted peer, and how many times as good ours is."""
        row = self.rows[workload]
        best = (max if row["unit"].endswith("/s") else min)(row["peers"], key=row["peers"].get)
        return best, row["ratioToBestPeer"]

    def detail(self, workload, name):
        return self.rows[workload]["details"]["ours"][name]


def times(value):
    return f"{value:.3g} ×"


# Each gives what was measured as text, and whether the target is met. `least` and `most` are the targets.

def to_peer(workload, least):
    def measure(report):
        best, ratio = report.peer(workload)
        return f"{times(ratio)} the best peer ({NAMES.get(best, best)})", ratio >= least
    return measure, f"{least:g} × the best peer" if least != 1 else "ahead of every peer"


def to_limit(workload, least, limit):
    def measure(report):
        ratio = report.rows[workload]["ratioToLimit"]
        return f"{times(ratio)} {limit}", ratio >= least
    return measure, f"{least:g} × {limit}"


def spread(workload, most):
    def measure(report):
        found = report.rows[workload]["spread"]
        return f"spread {found * 100:.0f} %", found < most
    return measure, f"spread under {most * 100:.0f} %"


def ours(workload, most, unit):
    def measure(report):
        found = report.rows[workload]["ours"]
        return f"{found:.3g} {unit}", found <= most
    return measure, f"at most {most:g} {unit}"


def rate(workload, least, unit):
    def measure(report):
        found = report.rows[workload]["ours"]
        return f"{found:.3g} {unit}", found >= least
    return measure, f"{least:g} {unit}"


def detail(workload, name, most, what):
    def measure(report):
        found = report.detail(workload, name)
        return f"{found:.2f} {what}", found <= most
    return measure, f"at most {most:g} {what}"


def to_other(workload, other, most, what):
    """Ours of one workload, as a part of ours of another; both in one unit."""
    def measure(report):
        assert report.rows[workload]["unit"] == report.rows[other]["unit"]
        found = report.rows[workload]["ours"] / report.rows[other]["ours"]
        return f"{found:.2f} of {what}", found <= most
    return measure, f"at most {most:g} of {what}"


def decoded(workload, raw, codec, most):
    """What a restore that decodes costs beside the restore of its bytes and the decoding alone."""
    def measure(report):
        rows = report.rows
        assert rows[workload]["unit"] == rows[raw]["unit"] == "µs" and rows[codec]["unit"].startswith("ns")
        found = rows[workload]["ours"] - rows[raw]["ours"] - rows[codec]["ours"] / 1_000
        return f"{found:.2f} µs over raw and codec", found <= most
    return measure, f"at most {most:g} µs over raw and codec"


def to_peer_not_counted(workload, peer):
    def measure(report):
        row = report.rows[workload]
        ratio = {**row["peers"], **row["notCounted"]}[peer] / row["ours"]
        return f"{times(ratio)} {NAMES[peer]}", ratio >= 1
    return measure, f"ahead of {NAMES[peer]}"


NAMES = {
    "lmdb": "LMDB", "lmdb-writemap": "LMDB with `MDB_WRITEMAP`", "rocksdb": "RocksDB", "leveldb": "LevelDB", "sqlite": "SQLite", "json": "JSON",
}

ROWS = [
    ("`small-written`: a struct of 9 fields, safe from `kill -9`", [to_peer("small-written", 1.5)]),
    ("`small-written-direct`: a struct with `@Checkpointable`", [to_peer("small-written-direct", 3)]),
    ("`small-written-raw`: the same bytes, encoded by the caller", [to_peer("small-written-raw", 3)]),
    ("`medium-written-32k`, `-1m`, `-64m`: doubles that do not compress, safe from `kill -9`",
     [to_limit(f"medium-written-{size}", 0.667, "encoding and `write`") for size in ("32k", "1m", "64m")]
     + [to_peer(f"medium-written-{size}", 3) for size in ("32k", "1m", "64m")]),
    ("`small-written-2`, `-8`: from 2 and 8 tasks",
     [to_limit("small-written-2", 1.6, "one task"), to_limit("small-written-8", 1.6, "one task")]),
    ("`durable-1`: synced before return",
     [to_limit("durable-1", 0.9, "`write` + `fdatasync`"), to_peer("durable-1", 1)]),
    ("`durable-16`: 16 tasks, synced before return",
     [to_limit("durable-16", 0.6, "the same, shared by 16"), to_peer("durable-16", 2.5)]),
    ("`large-durable-noisy`: 64 MiB of doubles, synced",
     [to_limit("large-durable-noisy", 0.85, "direct writes"), to_peer("large-durable-noisy", 2),
      spread("large-durable-noisy", 0.25)]),
    ("`large-durable-smooth`: the same, compressible", [to_peer("large-durable-smooth", 2)]),
    ("`memory-level`: the same value in memory", [to_other("memory-level", "small-written", 0.3, "`small-written`")]),
    ("`memory-level-changed`: with one element changed", [to_limit("memory-level-changed", 0.83, "a plain copy")]),
    ("`restore-small-raw-10k`: bytes of a random key of 10,000",
     [to_limit("restore-small-raw-10k", 0.667, "a warm `pread`"), to_peer_not_counted("restore-small-raw-10k", "leveldb"),
      to_peer("restore-small-raw-10k", 1)]),
    ("`restore-small-decoded-10k`: decoded",
     [decoded("restore-small-decoded-10k", "restore-small-raw-10k", "codec-decode-struct", 0.3)]),
    ("`restore-small-raw-1m`: of 1,000,000 keys",
     [to_limit("restore-small-raw-1m", 0.667, "a warm `pread`"), to_peer("restore-small-raw-1m", 1)]),
    ("`restore-small-decoded-1m`: decoded",
     [decoded("restore-small-decoded-1m", "restore-small-raw-1m", "codec-decode-struct", 0.3)]),
    ("`list-keys`, `restore-all`: of 300,000 keys",
     [to_limit("list-keys", 0.667, "a loop of `restore`"), to_limit("restore-all", 0.667, "a loop of `restore`")]),
    ("`snapshot-restore`: a snapshot, a checkpoint, 16 restores from it", [to_peer("snapshot-restore", 1)]),
    ("`restore-large`: 64 MiB into a fresh array", [to_peer("restore-large", 1.5)]),
    ("`reopen-clean`, `-killed`: 10,000,000 records over 1,000,000 keys; killed at four to five fifths of them",
     [to_peer("reopen-clean", 2), to_peer("reopen-killed", 2)]),
    ("`reopen-distinct-clean`, `-killed`: the same with distinct keys",
     [to_peer("reopen-distinct-clean", 2), to_peer("reopen-distinct-killed", 2)]),
    ("`index-memory`: a distinct key of 24 bytes", [ours("index-memory", 48, "bytes a key")]),
    ("`overwrite-soak-uniform`: 60 s of overwriting",
     [detail("overwrite-soak-uniform", "disk ÷ (1.6 × live + 4 segments)", 1, "of 1.6 × live + 4 segments"),
      detail("overwrite-soak-uniform", "written per first appended", 2.0, "bytes written for each appended"),
      ours("overwrite-soak-uniform", 100, "µs at p99.9")]),
    ("`overwrite-soak-zipf`",
     [detail("overwrite-soak-zipf", "disk ÷ (1.6 × live + 4 segments)", 1, "of 1.6 × live + 4 segments"),
      detail("overwrite-soak-zipf", "written per first appended", 1.6, "bytes written for each appended"),
      ours("overwrite-soak-zipf", 100, "µs at p99.9")]),
    ("`verify`: a warm log of 2 GiB", [rate("verify", 3, "GB/s")]),
    ("`open-many`: 1,000 logs opened, a checkpoint each, closed",
     [detail("open-many", "KiB of disk each", 1_024, "KiB of disk each"),
      detail("open-many", "threads each", 1, "threads each"), to_peer("open-many", 1)]),
    ("`codec-encode-struct`, `-decode-struct`", [to_peer("codec-encode-struct", 20), to_peer("codec-decode-struct", 12)]),
    ("`codec-encode-struct-direct`: with `@Checkpointable`", [to_peer("codec-encode-struct-direct", 60)]),
    ("`codec-encode-structs`, `-decode-structs`: 100,000 of them",
     [to_peer("codec-encode-structs", 12), to_peer("codec-decode-structs", 8)]),
    ("`codec-encode-doubles`, `-decode-doubles`",
     [to_limit("codec-encode-doubles", 0.67, "`memcpy`"), to_limit("codec-decode-doubles", 0.67, "`memcpy`")]),
    ("`growth-written`, `-restore`: from 100,000 to 10,000,000 keys",
     [to_peer("growth-written", 1), to_peer("growth-restore", 1)]),
]


# What a workload costs at least in the same run, by a contender that does a part of the work and is not counted.
FLOORS = [
    ("small-written", "encode and store, each file synced"),
    ("small-written-direct", "encode and store, each file synced"),
    ("small-written-raw", "encode and store, each file synced"),
    ("medium-written-32k", "encode and write to fresh pages"),
    ("medium-written-256k", "encode and write to fresh pages"),
    ("medium-written-1m", "the same, each file synced"),
    ("medium-written-4m", "the same, each file synced"),
    ("medium-written-64m", "the same, each file synced"),
    ("durable-16", "tasks handing over to a sync"),
    ("large-durable-noisy", "direct write over the same blocks"),
    ("restore-small-raw-10k", "read that may not wait, into an array"),
    ("restore-small-raw-1m", "read that may not wait, into an array"),
    ("restore-small-decoded-10k", "decoding alone"),
    ("restore-small-decoded-1m", "decoding alone"),
    ("reopen-distinct-killed", "slots filled in memory"),
    ("open-many", "its files made and synced alone"),
    ("codec-encode-struct", "Codable alone"),
    ("codec-decode-struct", "Codable alone"),
    ("codec-encode-structs", "Codable alone"),
    ("codec-decode-structs", "Codable alone"),
]


def floors(report):
    """A table of ours beside the best peer, the limit, and the floor."""
    lines = [
        "",
        f"What a part of the work costs alone, in the same rounds, on {report.processor}; `Benchmarks/README.md` says what each of these does:",
        "",
        "| workload | unit | ours | best peer | limit | a part of the work alone |",
        "|---|---|---|---|---|---|",
    ]
    found = 0
    for workload, contender in FLOORS:
        row = report.rows.get(workload)
        if row is None or contender not in row["notCounted"]:
            continue
        found += 1
        best = report.peer(workload)[0] if row["peers"] else None
        peer = f"{row['peers'][best]:.3g} ({NAMES.get(best, best)})" if best else "–"
        limit = "–" if row["limit"] is None else f"{row['limit']:.3g}"
        lines.append(
            f"| `{workload}` | {row['unit']} | {row['ours']:.3g} | {peer} | {limit} | "
            f"{row['notCounted'][contender]:.3g}: {contender} |")
    return lines if found else []


def outcome(report, measure):
    """What was measured, and whether the target is met; None where the run left the workload out."""
    try:
        return measure(report)
    except KeyError:
        return "not in this run", None


def measured(report, checks):
    """What was measured for a row's checks, and whether each is met."""
    found = [outcome(report, measure) for measure, _ in checks]
    return "; ".join(text if is_met is not False else f"**{text}**" for text, is_met in found)


def summary(report):
    behind = [(name, *report.peer(name)) for name, row in report.rows.items() if row["peers"]]
    behind = [f"`{name}` ({times(ratio)} {NAMES.get(best, best)})" for name, best, ratio in behind if ratio < 1]
    outcomes = [outcome(report, measure)[1] for _, checks in ROWS for measure, _ in checks]
    missed, total = outcomes.count(False), len(outcomes) - outcomes.count(None)
    return (
        f"* **{report.processor}**: {missed} of {total} targets that were measured are missed. "
        + (f"A counted peer is ahead in: {', '.join(behind)}." if behind else "No counted peer is ahead in any workload."))


def table(reports):
    lines = ["Each column is of one run. What misses its target is in bold.", ""]
    lines += [
        f"* **{report.processor}**, measured on {report.content['date'][:10]} in {report.content['rounds']} rounds "
        f"(`{report.source}`): {report.content['machine']}." for report in reports]
    lines += [
        "",
        f"| workload | target | {' | '.join(report.processor for report in reports)} |",
        f"|---|---|{'---|' * len(reports)}",
    ]
    for label, checks in ROWS:
        targets = "; ".join(target for _, target in checks)
        lines.append(f"| {label} | {targets} | {' | '.join(measured(report, checks) for report in reports)} |")
    lines += [""] + [summary(report) for report in reports]
    for report in reports:
        lines += floors(report)
    return "\n".join(lines)


# What the README shows: the workload, and the stores beside ours.
README_ROWS = [
    ("save a struct of 9 fields; survives `kill -9`", "small-written"),
    ("the same; survives power loss", "durable-1"),
    ("restore one of 10,000 keys, as bytes", "restore-small-raw-10k"),
    ("save 64 MiB of doubles; survives power loss", "large-durable-noisy"),
]
README_STORES = ["sqlite", "lmdb", "json"]


def readme_table(report):
    def cell(workload, store):
        row = report.rows[workload]
        value = row["ours"] if store is None else {**row["peers"], **row["notCounted"]}.get(store)
        return "–" if value is None else f"{value:.3g} {row['unit']}"

    return "\n".join(
        ["| | CheckpointLog | SQLite | LMDB | a file replaced atomically |", "|---|---|---|---|---|"]
        + [f"| {label} | " + " | ".join(cell(workload, store) for store in [None] + README_STORES) + " |"
           for label, workload in README_ROWS]
        + ["", f"Medians of {report.content['rounds']} rounds in one run, {report.content['date'][:10]}: {report.content['machine']}. "
           "LMDB restores from a mapping, without a system call. [All figures](Sources/CheckpointLog/Documentation.docc/Performance.md), "
           "also where others are faster."])


def fill(path, text, checks, source):
    """Puts `text` between the two comments of a file."""
    with open(path) as file:
        before = file.read()
    lines = before.split("\n")
    begins = [index for index, line in enumerate(lines) if BEGIN in line]
    ends = [index for index, line in enumerate(lines) if END in line]
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        raise SystemExit(f"{path} has no line with «{BEGIN}», or none with «{END}»")
    filled = "\n".join(lines[:begins[0] + 1] + ["", text, ""] + lines[ends[0]:])
    if checks and filled != before:
        raise SystemExit(f"{path} does not say what {source} says; run Benchmarks/fill-article.py")
    if not checks:
        with open(path, "w") as file:
            file.write(filled)
        print(f"{path} has the figures of {source}")


def main():
    arguments = sys.argv[1:]
    if [argument for argument in arguments if argument.startswith("-") and argument != "--check"]:
        print(__doc__.strip())
        sys.exit(0 if "--help" in arguments or "-h" in arguments else 64)
    checks = "--check" in arguments
    paths = [argument for argument in arguments if argument != "--check"]
    paths = paths or sorted(glob.glob(os.path.join(ROOT, "Benchmarks/Results/*.json")))
    if not paths:
        raise SystemExit("there is no report in Benchmarks/Results; make one with Scripts/bench --json FILE")
    reports = sorted((Report(path) for path in paths), key=lambda report: report.content["date"])
    newest = reports[-1]
    if len({report.processor for report in reports}) < len(reports):
        raise SystemExit("two reports are of one processor; remove the older one")
    fill(ARTICLE, table(reports), checks, ", ".join(report.source for report in reports))
    fill(README, readme_table(newest), checks, newest.source)
    name = f"{newest.source}, SHA-256 {pictures.checksum(os.path.join(ROOT, newest.source))}"
    if checks:
        pictures.check(newest, name, PICTURES)
    else:
        os.makedirs(PICTURES, exist_ok=True)
        pictures.draw(newest, name, PICTURES)
        print(f"{PICTURES} has the pictures of {newest.source}")


main()
