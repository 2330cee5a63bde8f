"""Draws the pictures of the performance article and of the README from a report, with gnuplot; a light and a dark one of each.

Used by fill-article.py. Each picture says in a comment which report it was drawn from, by the report's checksum, so that it can be checked
where gnuplot is not there.
"""

import hashlib
import os
import subprocess

THEMES = {
    "": {"background": "#ffffff", "text": "#1f2328", "grid": "#d1d9e0", "ours": "#c2410c", "limit": "#59636e",
         "stores": ["#1d4ed8", "#047857", "#7e22ce", "#0e7490", "#a16207", "#be185d"]},
    "~dark": {"background": "#0d1117", "text": "#e6edf3", "grid": "#30363d", "ours": "#fb923c", "limit": "#8b949e",
              "stores": ["#60a5fa", "#34d399", "#c084fc", "#22d3ee", "#facc15", "#f472b6"]},
}
STORES = {"leveldb": "LevelDB", "lmdb": "LMDB", "rocksdb": "RocksDB", "sqlite": "SQLite", "json": "file replaced atomically"}
SIZES = [("small-written", 115), ("medium-written-32k", 32 << 10), ("medium-written-256k", 256 << 10), ("medium-written-1m", 1 << 20),
         ("medium-written-4m", 4 << 20), ("medium-written-64m", 64 << 20)]


class Line:
    def __init__(self, title, points, kind="store", store=None):
        self.title, self.points, self.kind, self.store = title, [p for p in points if p[1]], kind, store


def times(report, workloads):
    """For ours, each counted peer and the limit: a line of the times of these (workload, x), in µs."""
    rows = [(report.rows[name], x) for name, x in workloads]
    lines = [Line("CheckpointLog", [(x, row["ours"]) for row, x in rows], "ours")]
    for store, title in STORES.items():
        lines.append(Line(title, [(x, row["peers"].get(store)) for row, x in rows], "store", store))
    return lines + [Line("limit: the raw calls alone", [(x, row["limit"]) for row, x in rows], "limit")]


def growth(report, workload, suffix):
    details = report.rows[workload]["details"]
    lines = []
    for store, title, kind in [("ours", "CheckpointLog", "ours"), ("lmdb", "LMDB", "store")]:
        points = sorted((float(label.split()[0]), value) for label, value in details[store].items())
        lines.append(Line(title + suffix, points, kind, store))
    return lines


def overview(report):
    """How many times as long as ours each store takes, for the rows of the README."""
    groups = [("save a small struct", "small-written"), ("save it, synced", "durable-1"), ("restore, 10,000 keys", "restore-small-raw-10k"),
              ("save 64 MiB, synced", "large-durable-noisy")]
    lines = []
    for place, store in enumerate(STORES):
        points = []
        for index, (_, workload) in enumerate(groups):
            row = report.rows[workload]
            value = {**row["notCounted"], **row["peers"]}.get(store)
            if value:
                points.append((index + (place - 2) * 0.16, row["ours"] / value if row["unit"].endswith("/s") else value / row["ours"]))
        lines.append(Line(STORES[store], points, "store", store))
    return lines, [label for label, _ in groups]


def script(title, lines, theme, output, axes, bars=False):
    colours = THEMES[theme]
    text = [
        f"set terminal svg size 860,440 fixed enhanced font 'sans-serif,14' background '{colours['background']}'",
        "set encoding utf8", f"set output '{output}'", f"set title \"{title}\" noenhanced tc rgb '{colours['text']}'",
        f"set border 3 lc rgb '{colours['text']}'", f"set grid lc rgb '{colours['grid']}'", "set tics nomirror",
        f"set key outside bottom center horizontal noenhanced tc rgb '{colours['text']}'",
        f"set xtics tc rgb '{colours['text']}'", f"set ytics tc rgb '{colours['text']}'",
        f"set xlabel tc rgb '{colours['text']}'", f"set ylabel tc rgb '{colours['text']}'",
    ] + axes
    parts = []
    if bars:
        text += ["set boxwidth 0.14", "set style fill solid 0.9 noborder"]
        parts.append(f"1 with lines lw 2 lc rgb '{colours['ours']}' title 'CheckpointLog'")
    known = list(STORES)
    for index, line in enumerate(lines):
        if not line.points:
            continue
        text += [f"$d{index} << EOD"] + [f"{x} {y}" for x, y in line.points] + ["EOD"]
        colour = colours[line.kind] if line.kind != "store" else colours["stores"][known.index(line.store)]
        style = "boxes" if bars else "lines dt 2 lw 2" if line.kind == "limit" else f"linespoints pt 7 ps 0.6 lw {3 if line.kind == 'ours' else 2}"
        if "restore" in line.title:
            style += " dt 3"
        parts.append(f"$d{index} using 1:2 with {style} lc rgb '{colour}' title \"{line.title}\"")
    return "\n".join(text + ["plot " + ", ".join(parts)]) + "\n"


def pictures(report):
    """Name, title, lines, and what gnuplot is told of the axes."""
    lines, labels = overview(report)
    tics = ", ".join(f'"{label}" {index}' for index, label in enumerate(labels))
    yield ("overview", "Time of each store ÷ CheckpointLog's: over the line, CheckpointLog is faster", lines,
           ["set logscale y 10", f"set xtics ({tics}) noenhanced", "set xrange [-0.5:3.5]", "set yrange [0.3:*]", "set ylabel 'times as long'"], True)
    yield ("time-by-size", "Time of a checkpoint that survives kill -9, by its size", times(report, SIZES),
           ["set logscale xy 10", "set xlabel 'bytes'", "set ylabel 'µs'", "set format x '10^{%T}'"], False)
    yield ("time-by-keys", "Time of a call, by the number of keys",
           growth(report, "growth-written", ", save") + growth(report, "growth-restore", ", restore"),
           ["set logscale xy 10", "set xlabel 'keys'", "set ylabel 'µs'", "set format x '10^{%T}'"], False)
    yield ("time-by-tasks", "Time of a checkpoint that survives power loss, by the number of tasks", times(report, [("durable-1", 1), ("durable-16", 16)]),
           ["set logscale y 10", "set xlabel 'tasks'", "set ylabel 'µs for each checkpoint'", "set xrange [0:17]"], False)


def checksum(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def paths(report, folder):
    return [os.path.join(folder, name + theme + ".svg") for name, *_ in pictures(report) for theme in THEMES]


def draw(report, source, folder):
    for name, title, lines, axes, bars in pictures(report):
        for theme in THEMES:
            path = os.path.join(folder, name + theme + ".svg")
            subprocess.run(["gnuplot"], input=script(title, lines, theme, path, axes, bars), text=True, check=True)
            with open(path) as file:
                content = file.read()
            with open(path, "w") as file:
                file.write(content.rstrip() + f"\n<!-- drawn from {source} -->\n")


def check(report, source, folder):
    """Fails where a picture is missing, or was drawn from another report."""
    for path in paths(report, folder):
        if not os.path.exists(path):
            raise SystemExit(f"{path} is missing; run Benchmarks/fill-article.py")
        with open(path) as file:
            if not file.read().endswith(f"<!-- drawn from {source} -->\n"):
                raise SystemExit(f"{path} was drawn from another report; run Benchmarks/fill-article.py")
