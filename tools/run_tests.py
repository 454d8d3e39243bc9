#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the tests and closes with 'N passed, N failed'.

check: tools and unit tests of build/dev, and one end-to-end payment.
crash: builds with address and undefined sanitizers and the hooks of tests, and runs the crash suites of both families.
tsan:  builds with ThreadSanitizer, and runs the unit tests and what puts load on the roles; a race ends its process.
all:   builds twice (release; address and undefined sanitizers, with the hooks of tests, for the unit tests and for
       the crash suite) and runs everything.

Every suite prints one line with its counts and seconds; the output of a failing one is shown whole.
"""
import glob
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REPORTS = os.path.join(ROOT, "build", "reports")
NODE = os.path.join(ROOT, "tests", "node.sh")

SIDE_BY_SIDE = 2  # end-to-end files at once

# What gives a role many threads and many callers at once.
LOADS = ("e2e/sixteen", "e2e/lanes", "e2e/pay_crowd", "e2e/gateway_paid", "e2e/gateway_http", "e2e/facilitator_http",
         "e2e/facilitator_reload", "e2e/pending", "e2e/restart", "soak/soak")
# Where a race is found, that process ends at once with a report and the test that needed it fails.
RACES = {"TSAN_OPTIONS": "halt_on_error=1:exitcode=66:second_deadlock_stack=1", "SOAK_SECONDS": "60"}

# What kills a role at a write needs a binary with the hooks of tests (x402/base/crash_point.hpp).
HOOKED = [f"{ROOT}/tests/crash/points.test.mjs"]
HOOKED_APART = [f"{ROOT}/tests/crash/svm_points.test.mjs"]  # make crash


class Totals:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.times = []

    def add(self, name, passed, failed, seconds, output):
        self.passed += passed
        self.failed += failed
        self.times.append((name, seconds))
        print(f"{'ok  ' if failed == 0 else 'FAIL'} {name}: {passed} passed, {failed} failed ({seconds:.1f} s)",
              flush=True)
        if failed:
            print(output[-12000:], flush=True)


def run(command, timeout, env=None):
    started = time.monotonic()
    merged = dict(os.environ, **(env or {}))
    try:
        done = subprocess.run(command, cwd=ROOT, env=merged, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout)
        code, output = done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode("utf-8", "replace") + f"\ngave up after {timeout} s\n"
        code = 124
    return code, output, time.monotonic() - started


def tool(totals, name, command):
    code, output, seconds = run(command, 120)
    totals.add(name, int(code == 0), int(code != 0), seconds, output)


def gtest(totals, program, label):
    name = os.path.basename(program)
    report = os.path.join(REPORTS, f"{label}-{name}.json")
    if os.path.exists(report):
        os.remove(report)
    code, output, seconds = run([program, f"--gtest_output=json:{report}", "--gtest_brief=1"], 600)
    passed, failed = 0, 1
    if os.path.exists(report):
        with open(report, encoding="utf-8") as file:
            told = json.load(file)
        failed = told["failures"] + told.get("errors", 0)
        passed = told["tests"] - failed - told.get("disabled", 0)
        if code != 0 and failed == 0:
            failed = 1
    if passed + failed == 0:
        failed, output = 1, "no test in it\n" + output
    totals.add(f"{label} {name}", passed, failed, seconds, output)


def unit_tests(totals, preset):
    programs = sorted(p for p in glob.glob(f"{ROOT}/build/{preset}/**/x402_*_test", recursive=True)
                      if os.access(p, os.X_OK) and os.path.isfile(p))
    if not programs:
        totals.add(f"{preset} unit tests", 0, 1, 0, "no test program was built")
    for program in programs:
        gtest(totals, program, preset)


def node_test(file, timeout, env):
    code, output, seconds = run([NODE, "--test", "--test-reporter=tap", file], timeout, env)
    counts = {word: int(found[-1]) if (found := re.findall(rf"^# {word} (\d+)$", output, re.M)) else 0
              for word in ("pass", "fail", "cancelled")}
    failed = counts["fail"] + counts["cancelled"]
    if code != 0 and failed == 0:
        failed = 1
    if counts["pass"] + failed == 0:
        failed, output = 1, "no test in it\n" + output
    return counts["pass"], failed, seconds, output


def node_tests(totals, files, timeout=900, env=None):
    """Two at a time: most of what they do is to wait for a chain. Told in the order of the files."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        running = [(file, pool.submit(node_test, file, timeout, env)) for file in files]
        for file, done in running:
            totals.add(os.path.relpath(file, ROOT), *done.result())


def build(totals, preset, *targets, niceness=0):
    command = ["nice", "-n", str(niceness), os.path.join(ROOT, "tools", "build.sh"), preset, *targets]
    code, output, seconds = run(command, 3000)
    print(output.strip()[-6000:], flush=True)
    if code != 0:
        totals.add(f"build {preset}", 0, 1, seconds, output)
    return code == 0


def tools(totals):
    tool(totals, "layering (tools/rooms.py)", ["python3", "tools/rooms.py"])
    tool(totals, "sizes and headers (tools/tidy.py)", ["python3", "tools/tidy.py"])
    tool(totals, "docs/reasons.md is current", ["python3", "tools/reasons_doc.py", "--check"])
    tool(totals, "docs/attacks.md is current", ["python3", "tools/attacks_doc.py", "--check"])
    tool(totals, "faults still fit (tools/mutate.py)", ["python3", "tools/mutate.py", "--check"])


def slow_suites():
    """End-to-end files in a fixed order, the most telling ones first."""
    files = []
    for folder in ("contracts", "devnet", "lib", "e2e", "interop", "conformance", "attacks", "crash", "soak",
                   "svm_diff", "embed", "add_a_chain"):
        files += sorted(glob.glob(f"{ROOT}/tests/{folder}/*.test.mjs"))
    return [file for file in files if file not in HOOKED + HOOKED_APART] + sorted(glob.glob(f"{ROOT}/bench/*.test.mjs"))


def hooked_suites(totals, files):
    # One after the other: what is late dies elsewhere.
    for file in files:
        node_tests(totals, [file], env={"X402_BIN": f"{ROOT}/build/asan/x402"})


def race_suites(totals):
    env = dict(RACES, X402_BIN=f"{ROOT}/build/tsan/x402")
    node_tests(totals, [f"{ROOT}/tests/{name}.test.mjs" for name in LOADS], timeout=1800, env=env)


def finish(totals):
    slowest = sorted(totals.times, key=lambda row: -row[1])[:5]
    print("slowest: " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in slowest))
    print(f"{totals.passed} passed, {totals.failed} failed", flush=True)
    return 1 if totals.failed or not totals.passed else 0


def main():
    mode = sys.argv[1] if len(sys.argv) > 1 else "all"
    os.makedirs(REPORTS, exist_ok=True)
    started = time.monotonic()
    totals = Totals()
    if mode == "tsan":
        if build(totals, "tsan", "all"):
            os.environ.update(RACES)
            unit_tests(totals, "tsan")
            race_suites(totals)
        return finish(totals)
    if mode == "crash":
        if build(totals, "asan", "x402"):
            hooked_suites(totals, HOOKED + HOOKED_APART)
        return finish(totals)
    tools(totals)
    if mode == "check":
        unit_tests(totals, "dev")
        node_tests(totals, [f"{ROOT}/tests/e2e/one_payment.test.mjs"])
    else:
        released = build(totals, "release", "x402", "x402_conformance_evm", "x402_conformance_svm",
                         "x402_svm_diff")
        # The end-to-end files mostly wait for a chain: the second build takes what they leave.
        with ThreadPoolExecutor(1) as beside:
            sanitized = beside.submit(build, totals, "asan", "all", "header_check", niceness=10)
            if released:
                node_tests(totals, slow_suites())
        if sanitized.result():
            unit_tests(totals, "asan")
            hooked_suites(totals, HOOKED)
    total = time.monotonic() - started
    tests = sum(seconds for _, seconds in totals.times)
    print(f"in {total:.0f} s, {tests:.0f} s of it tests")
    with open(os.path.join(ROOT, "build", "times.txt"), "a", encoding="utf-8") as file:
        file.write(f"build tests {tests:.0f} {mode}\nbuild whole-run {total:.0f} {mode}\n")
    return finish(totals)


if __name__ == "__main__":
    sys.exit(main())
