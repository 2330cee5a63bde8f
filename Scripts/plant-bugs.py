#!/usr/bin/env python3
"""Plants bugs in a copy of the sources, each turned on at run time.

usage: plant-bugs.py list
       plant-bugs.py plant COPY

`list` prints the name and the test of every bug of Tests/PlantedBugs. `plant` brings the package in COPY up to date with this one,
with all bugs in it; the environment variable CHECKPOINT_LOG_PLANTED_BUG names the one that acts. Files that stay the same
are not written again, so that a build in COPY compiles what has changed.

A bug is a file NAME.txt: `test: SUITE/TEST`, `means: what the bug does`, and edits. An edit is `file: PATH`, `find:` with whole lines
that stand there once, and `replace by:` with what takes their place, where `PlantedBug.camelCaseName.isPlanted` asks whether the bug
acts. Lines that both begin or both end with are only context: several bugs may share them.
"""
import pathlib
import sys

from package_copy import ROOT, bring_up_to_date

SWITCH = "Sources/CheckpointLog/Platform/PlantedBug.swift"


def fail(message):
    sys.exit(f"plant-bugs: {message}")


class Edit:
    def __init__(self, bug, path):
        self.bug, self.path = bug, path
        self.find, self.put = [], []

    def change(self, lines):
        """The lines that go, as a range of the file's, and those that take their place."""
        places = [i for i in range(len(lines)) if lines[i : i + len(self.find)] == self.find]
        if not self.find or len(places) != 1:
            fail(f"{self.bug}: its text stands {len(places)} times in {self.path}, not once")
        start, end, put = places[0], places[0] + len(self.find), list(self.put)
        while put and start < end and lines[start] == put[0]:
            start, put = start + 1, put[1:]
        while put and start < end and lines[end - 1] == put[-1]:
            end, put = end - 1, put[:-1]
        return start, end, put


class Bug:
    def __init__(self, path):
        self.name, self.test, self.means, self.edits = path.stem, "", "", []
        part = None
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("file: "):
                self.edits.append(Edit(self.name, line.removeprefix("file: ")))
                part = None
            elif line == "find:" and self.edits:
                part = self.edits[-1].find
            elif line == "replace by:" and self.edits:
                part = self.edits[-1].put
            elif part is not None:
                part.append(line)
            elif line.startswith("test: "):
                self.test = line.removeprefix("test: ")
            elif line.startswith("means: "):
                self.means = line.removeprefix("means: ")
            elif line:
                fail(f"{path}: what is \"{line}\"?")
        for edit in self.edits:
            # An empty line sets the next edit apart.
            while edit.put and not edit.put[-1]:
                edit.put.pop()
        if self.test.count("/") != 1 or not self.means or not self.edits:
            fail(f"{path}: a bug needs `test: SUITE/TEST`, `means: …` and an edit")

    @property
    def case(self):
        first, *others = self.name.split("-")
        return first + "".join(word.capitalize() for word in others)


def all_bugs():
    return [Bug(path) for path in sorted((ROOT / "Tests/PlantedBugs").glob("*.txt"))]


def planted(bugs):
    """The text of each file that bugs change."""
    edits = {}
    for bug in bugs:
        for edit in bug.edits:
            edits.setdefault(edit.path, []).append(edit)
    texts = {}
    for path, of_file in edits.items():
        lines = (ROOT / path).read_text(encoding="utf-8").split("\n")
        changes = sorted(((edit.change(lines), edit) for edit in of_file), key=lambda both: both[0][:2])
        out, done, last = [], 0, None
        for (start, end, put), edit in changes:
            if start < done:
                fail(f"{edit.bug} and {last} change the same lines of {path}")
            out += lines[done:start] + put
            done, last = end, edit.bug
        texts[path] = "\n".join(out + lines[done:])
    texts[SWITCH] = switch(bugs)
    return texts


def switch(bugs):
    cases = "".join(f'    case {bug.case} = "{bug.name}"\n' for bug in bugs)
    return f"""#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

package enum PlantedBug: String, Sendable {{
{cases}
    private static let chosen = ProcessInfo.processInfo.environment["CHECKPOINT_LOG_PLANTED_BUG"].map {{ name in
        guard let bug = PlantedBug(rawValue: name) else {{ fatalError("no bug is called \\(name)") }}
        return bug
    }}

    package var isPlanted: Bool {{ self == Self.chosen }}
}}
"""


match sys.argv[1:]:
    case ["list"]:
        for bug in all_bugs():
            print(bug.name, bug.test, sep="\t")
    case ["plant", copy]:
        bring_up_to_date(pathlib.Path(copy).resolve(), planted(all_bugs()))
    case _:
        sys.exit(__doc__)
