"""Reads what runs of the tests have left, and says what a developer wants to know of it.

report-tests.py failures --build checks|release|traits --log FILE REPORT   how to repeat each test that has failed; fails when none was run
report-tests.py slowest [--count N] REPORT…                         the tests that took longest, and how many there were
report-tests.py unproved REPORT                                     of the lines SUITE/TEST given, those that did not pass in it

A REPORT is the xUnit file that Swift Testing writes. Each run takes its tests one after the other, so that a time is that of the test.
"""

import argparse
import os
import re
import sys
import xml.etree.ElementTree


class Test:
    def __init__(self, element):
        # As in "CheckpointLogTests.ChainTests" and "aSync()"; the module comes first.
        self.suite = element.get("classname", "").split(".", 1)[-1]
        self.name = element.get("name", "").split("(")[0]
        self.seconds = float(element.get("time", 0))
        self.failed = element.find("failure") is not None
        self.skipped = element.find("skipped") is not None


def tests(path):
    try:
        root = xml.etree.ElementTree.parse(path).getroot()
    except (OSError, xml.etree.ElementTree.ParseError) as error:
        raise SystemExit(f"{path}: {error}; the tests ended before they could write it")
    return [Test(element) for element in root.iter("testcase")]


def failures(arguments):
    found = tests(arguments.report)
    if not found:
        where = "; the release build has the suites that sweep alone, see release_files in Scripts/building"
        raise SystemExit(f"no test was run: no suite or test is named so{where if arguments.build == 'release' else ''}")
    with open(arguments.log, errors="replace") as file:
        log = file.read()
    failed = [test for test in found if test.failed]
    for test in failed:
        # Printed by `testSeed`.
        seeds = re.findall(rf"\b{re.escape(test.name)}\([^)]*\): CHECKPOINT_LOG_SEED=(\d+)", log)
        seed = f"CHECKPOINT_LOG_SEED={seeds[-1]} " if seeds else ""
        command = {
            "checks": f"Scripts/check {test.suite}/{test.name}",
            "release": f"Scripts/check --release {test.suite}/{test.name}",
            "traits": "Scripts/test macro",
        }[arguments.build]
        print(f"FAILED {test.suite}/{test.name}; to repeat it: {seed}{command}")
    sys.exit(1 if failed else 0)


def slowest(arguments):
    found = [
        (test, os.path.basename(os.path.dirname(path)).removeprefix(".build-")) for path in arguments.reports
        for test in tests(path) if not test.skipped
    ]
    found.sort(key=lambda pair: -pair[0].seconds)
    for test, build in found[: arguments.count]:
        print(f"{test.seconds:8.1f} s  {test.suite}/{test.name} ({build})")
    failed = sum(test.failed for test, _ in found)
    print(f"\n{len(found) - failed} passed, {failed} failed")


def unproved(arguments):
    passed = {f"{test.suite}/{test.name}" for test in tests(arguments.report) if not test.failed and not test.skipped}
    for line in sys.stdin:
        if line.strip() not in passed:
            print(line.strip())


parser = argparse.ArgumentParser()
commands = parser.add_subparsers(dest="command", required=True)
command = commands.add_parser("failures")
command.add_argument("--build", required=True)
command.add_argument("--log", required=True)
command.add_argument("report")
command.set_defaults(run=failures)
command = commands.add_parser("slowest")
command.add_argument("--count", type=int, default=10)
command.add_argument("reports", nargs="+")
command.set_defaults(run=slowest)
command = commands.add_parser("unproved")
command.add_argument("report")
command.set_defaults(run=unproved)
arguments = parser.parse_args()
arguments.run(arguments)
