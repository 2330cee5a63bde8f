#!/usr/bin/env python3
"""Changes the engine in many small ways, each turned on at run time, and lists those that no test sees.

usage: mutate.py [--count N] [--seed S] [--only NUMBER…]

Chooses N changes (200) of Format, Writing, Reading, Recovery and Upkeep by the seed, makes all of them in one copy of the package, builds
that once, and runs the suites against one after the other, two at a time: a few first, then all that do not sweep, then samples of the sweeps. A
change that no test sees is printed as a survivor, with its line before and after. --only runs those numbers again, of the same seed and count.

The changes: a condition negated, a comparison that takes its limit in or leaves it out, a one that is none or two, a call left out, two arguments
exchanged, a truth value returned as the other. They are made by the look of a line; what does not compile is left out.
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from package_copy import ROOT, bring_up_to_date

ROOMS = ["Format", "Writing", "Reading", "Recovery", "Upkeep"]
SWITCH = "Sources/CheckpointLog/Platform/Mutant.swift"
WORK = ROOT / ".build-mutants"
TREE = WORK / "tree"
BUNDLE = WORK / "release/checkpoint-logPackageTests.xctest"
# Suites that read the sources, or whose tests need a process without other work beside it.
SKIPPED = "LayeringTests|TidyTests|PlantedBugsTests"
# What sees most changes, within seconds.
FIRST = "FrameDecoderTests|SegmentScannerTests|SegmentBytesTests|RecordIdentityTests|DurabilityTests|CompactionCutTests|ChainTests"

# Seconds between two looks at what a run has printed.
NAP = 0.2
# Bytes that a run must leave free on the disk.
LEAST_FREE = 8 << 30


def sweeps():
    """The pattern of the suites that sweep, as Scripts/test has it."""
    parts = re.findall(r"^sweeps_[12]\+?='(.*)'$", (ROOT / "Scripts/test").read_text(encoding="utf-8"), re.M)
    return "|".join(part.strip("|") for part in parts)


STAGES = [["--filter", FIRST], ["--skip", f"{FIRST}|{sweeps()}"], ["--filter", sweeps(), "--skip", FIRST]]

SWIFT = """#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

package enum Mutant {
    private static let chosen = Int(ProcessInfo.processInfo.environment["CHECKPOINT_LOG_MUTANT"] ?? "") ?? -1

    package static func acts(_ number: Int) -> Bool { number == chosen }

    package static func pick<Value>(_ number: Int, _ usual: Value, _ other: Value) -> Value {
        acts(number) ? other : usual
    }
}
"""


class Mutant:
    def __init__(self, path, line, kind, before, after):
        self.path, self.line, self.kind, self.before, self.after = path, line, kind, before, after
        self.number = 0

    def text(self):
        return self.after.replace("MUTANT", str(self.number))

    def __str__(self):
        return f"{self.number:4d} {self.kind}, {self.path}:{self.line + 1}\n     - {self.before.strip()}\n     + {self.text().strip()}"


def top_level_parts(text, separator):
    """`text` at each `separator` outside of brackets and quotes."""
    parts, depth, start, quoted = [], 0, 0, False
    for index, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        elif not quoted and letter in "([{":
            depth += 1
        elif not quoted and letter in ")]}":
            depth -= 1
        elif not quoted and depth == 0 and text.startswith(separator, index):
            parts.append(text[start:index])
            start = index + len(separator)
    return parts + [text[start:]]


def is_balanced(text):
    return all(text.count(opening) == text.count(closing) for opening, closing in ("()", "[]", "{}"))


def without_effects(clause):
    """`try` and `unsafe` before a clause, and the rest of it."""
    prefix, rest = re.fullmatch(r"((?:(?:try|unsafe) )*)(.*)", clause, re.S).groups()
    return prefix, rest


def changed_conditions(line):
    found = re.fullmatch(r"(\s*(?:\} else )?(?:if|guard|while) )(.*?)( \{| else \{.*)", line)
    if not found or not is_balanced(found[2]) or "{" in found[2]:
        return
    head, condition, tail = found.groups()
    clauses = top_level_parts(condition, ", ")
    for index, clause in enumerate(clauses):
        if re.match(r"(let|var|case|true|#)\b", clause) or not clause:
            continue
        prefix, rest = without_effects(clause)

        def put(new):
            return head + ", ".join(clauses[:index] + [prefix + new] + clauses[index + 1 :]) + tail

        yield "negated condition", put(f"({rest}) != Mutant.acts(MUTANT)")
        compared = re.fullmatch(r"([\w.\[\]()$?]+(?: [-+*/%&] [\w.]+)?) (<=|>=|<|>) ([\w.\[\]()$]+(?: [-+*/%&] [\w.]+)?)", rest)
        if compared:
            left, sign, right = compared.groups()
            other = sign[0] if len(sign) == 2 else sign + "="
            yield "limit", put(f"(Mutant.acts(MUTANT) ? {left} {other} {right} : {left} {sign} {right})")


def changes(lines, index):
    line = lines[index]
    code = line.split("//")[0]
    if not code.strip() or code.strip().startswith(("@", "#", "*", "case ", "import", '"')) or '"' in code:
        return
    yield from changed_conditions(line)
    for one in re.finditer(r" ([-+]) 1\b(?![._\d])", line):
        start, end = one.span()
        yield "off by one", f"{line[:start]} {one[1]} Mutant.pick(MUTANT, 1, 0){line[end:]}"
        yield "off by one", f"{line[:start]} {one[1]} Mutant.pick(MUTANT, 1, 2){line[end:]}"
    before = lines[index - 1].split("//")[0].rstrip() if index else ""
    after = lines[index + 1].strip() if index + 1 < len(lines) else ""
    call = re.fullmatch(r"(\s*)((?:(?:try|await|unsafe|_ =) )*\w[\w.?]*\(.*\))", line)
    begins = before.endswith(("{", "}", ")", "in")) and not before.endswith(("= {", "({")) or not before
    if call and is_balanced(call[2]) and begins and not after.startswith((".", "?", ":", "&&", "||", "+", "-", "{")):
        declares = re.search(r"->|\bvar \w+: ", before) and after == "}"
        words = r"(if|guard|while|switch|return|precondition|assert|fatalError|super|self\.init|package|private)\b"
        if not declares and not re.match(words, call[2]):
            yield "call left out", f"{call[1]}if !Mutant.acts(MUTANT) {{ {call[2]} }}"
    for pair in re.finditer(r"(\w+: )([\w.]+), (\w+: )([\w.]+)(?=[,)])", line):
        first, one, second, two = pair.groups()
        # Types stand in declarations.
        if one != two and not any(value[0].isupper() for value in (one, two)):
            swapped = f"{first}Mutant.pick(MUTANT, {one}, {two}), {second}Mutant.pick(MUTANT, {two}, {one})"
            yield "arguments exchanged", line[: pair.start()] + swapped + line[pair.end() :]
    result = re.fullmatch(r"(.*\breturn )(true|false)( \}.*|)", line)
    if result:
        yield "other truth value", f"{result[1]}{result[2]} != Mutant.acts(MUTANT){result[3]}"


def all_mutants():
    for room in ROOMS:
        for file in sorted((ROOT / "Sources/CheckpointLog" / room).glob("**/*.swift")):
            lines = file.read_text(encoding="utf-8").split("\n")
            for index, line in enumerate(lines):
                for kind, after in changes(lines, index):
                    yield Mutant(str(file.relative_to(ROOT)), index, kind, line, after)


def texts(mutants):
    by_file = {}
    for mutant in mutants:
        by_file.setdefault(mutant.path, []).append(mutant)
    result = {SWITCH: SWIFT}
    for path, of_file in by_file.items():
        lines = (ROOT / path).read_text(encoding="utf-8").split("\n")
        for mutant in of_file:
            lines[mutant.line] = mutant.text()
        result[path] = "\n".join(lines)
    return result


def build(mutants):
    """Builds the copy without what does not compile; gives what does."""
    environment = os.environ | {"CHECKPOINT_LOG_TEST_TARGETS": "CheckpointLogTests", "CHECKPOINT_LOG_PLAIN_TESTS": "1"}
    command = ["swift", "build", "-c", "release", "--package-path", str(TREE), "--scratch-path", str(WORK), "--build-tests"]
    while True:
        bring_up_to_date(TREE, texts(mutants))
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode == 0:
            return mutants
        wrong = {(path, int(line)) for path, line in re.findall(r"^(\S+?):(\d+):\d+: error:", done.stdout, re.M)}
        kept = [m for m in mutants if (str(TREE / m.path), m.line + 1) not in wrong]
        if len(kept) == len(mutants):
            # A change can make another line wrong, as one that leaves a result out does where it is used.
            near = {(path, line + away) for path, line in wrong for away in range(-40, 41)}
            kept = [m for m in mutants if (str(TREE / m.path), m.line + 1) not in near]
        if len(kept) == len(mutants):
            sys.exit(f"the copy does not build:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
        print(f"{len(mutants) - len(kept)} changes do not compile", flush=True)
        mutants = kept


def limited():
    """A loop without an end must not take the machine's memory."""
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))


def outcome(number, arguments, limit):
    """How a run of the tests ends: `passed`, or why it does not."""
    command = [str(BUNDLE), "--testing-library", "swift-testing", "--no-parallel", "--skip", SKIPPED, *arguments]
    if not BUNDLE.is_file():
        command = ["swift", "test", "-c", "release", "--no-parallel", "--skip-build", "--package-path", str(TREE), "--scratch-path", str(WORK)]
        command += ["--skip", SKIPPED, *arguments]
    environment = os.environ | {
        "CHECKPOINT_LOG_MUTANT": str(number), "CHECKPOINT_LOG_SHORT": "1", "SWIFT_BACKTRACE": "enable=no",
        "SWT_SWIFT_ERROR_BACKTRACING_ENABLED": "0",
    }
    for name in ("CHECKPOINT_LOG_LONG", "CHECKPOINT_LOG_SEED"):
        environment.pop(name, None)
    with tempfile.TemporaryFile() as output, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as files:
        # What a run leaves behind that is killed goes with its directory.
        environment["TMPDIR"] = files
        run = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, preexec_fn=limited)
        # Naps are counted, and not a clock: a run that was stopped for a while goes on where it was.
        for _ in range(int(limit / NAP)):
            ended = run.poll()
            text = os.pread(output.fileno(), 1 << 30, 0).decode(errors="replace")
            seen = re.search(r"Test (\w+)\(.*recorded an issue", text)
            fills = shutil.disk_usage(files).free < LEAST_FREE
            if seen or fills or ended is not None:
                break
            time.sleep(NAP)
        run.kill()
        run.wait()
        if seen:
            return f"seen by {seen[1]}"
        if fills:
            return "fills the disk"
        if ended is None:
            return "hangs"
        return "passed" if ended == 0 else f"ended with {ended}"


def usual_times():
    """The seconds of each stage without a change."""
    times = []
    for stage in STAGES:
        started = time.monotonic()
        end = outcome(0, stage, 3_600)
        if end != "passed":
            sys.exit(f"the tests do not pass without a change: {end}")
        times.append(time.monotonic() - started)
    print("seconds of the stages without a change:", *(f"{seconds:.0f}" for seconds in times), flush=True)
    return times


def fate(number, times):
    for stage, seconds in zip(STAGES, times):
        # Two run at a time, and other work beside them: what takes four times as long and a minute does not end.
        end = outcome(number, stage, 4 * seconds + 60)
        if end != "passed":
            return end
    return "passed"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="+")
    wanted = parser.parse_args()
    pool = list(all_mutants())
    random.Random(wanted.seed).shuffle(pool)
    chosen, lines = [], set()
    for mutant in pool:
        # One on a line, and more than are wanted, since some do not compile.
        if (mutant.path, mutant.line) not in lines and len(chosen) < wanted.count * 2:
            lines.add((mutant.path, mutant.line))
            mutant.number = len(chosen) + 1
            chosen.append(mutant)
    print(f"{len(pool)} changes are possible; seed {wanted.seed}", flush=True)
    built = build(chosen)[: wanted.count]
    if wanted.only:
        built = [m for m in built if m.number in wanted.only]
    times = usual_times()
    survivors = []
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        for mutant, end in zip(built, threads.map(lambda m: fate(m.number, times), built)):
            print(f"{mutant.number:4d} {mutant.kind}: {end}", flush=True)
            if end == "passed":
                survivors.append(mutant)
    print(f"\nsurvivors of {len(built)} changes, seed {wanted.seed}:")
    for mutant in survivors:
        print(mutant)
    print(f"counts: suite=Mutants mutants={len(built)} survivors={len(survivors)}")


if __name__ == "__main__":
    main()
