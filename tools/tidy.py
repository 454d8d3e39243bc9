#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The hard stops of the house style: file and function length, line width, the SPDX line, #pragma once, words
that announce unfinished work. Prints every breach; exit 1 if there is one."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCE_LINES, TEST_LINES, FUNCTION_LINES, WIDTH = 600, 800, 70, 120
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|placeholder|not implemented|for now)\b")
OPENS = re.compile(r"^[A-Za-z].*\)[^;{}]*\{\s*$|^[A-Za-z].*\)\s*(const|noexcept|override|\s)*\{\s*$")


def tracked():
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, stdout=subprocess.PIPE,
                             check=True).stdout.decode()
    return [path for path in listing.splitlines() if os.path.isfile(os.path.join(ROOT, path))]


def function_lengths(lines):
    """A function at column 0 ends at the first closing brace at column 0."""
    start = None
    for number, line in enumerate(lines, 1):
        if start is None:
            if OPENS.match(line) and not line.startswith(("namespace", "struct", "class", "enum", "union", "extern")):
                start = number
        elif line.startswith("}"):
            yield start, number - start + 1
            start = None


def check_cpp(path, lines):
    is_test = path.endswith("_test.cpp") or path.startswith("tests/")
    cap = TEST_LINES if is_test else SOURCE_LINES
    if len(lines) > cap:
        yield f"{path}: {len(lines)} lines, the hard stop is {cap}"
    if path.endswith(".hpp") and not any(line.strip() == "#pragma once" for line in lines):
        yield f"{path}: no #pragma once"
    for start, length in function_lengths(lines):
        if length > FUNCTION_LINES and not is_test:
            yield f"{path}:{start}: a function of {length} lines, the hard stop is {FUNCTION_LINES}"


def check(path):
    if not path.endswith((".cpp", ".hpp", ".py", ".mjs", ".sol", ".sh")) or path == "tools/tidy.py":
        return
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        lines = file.read().splitlines()
    if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:3]):
        yield f"{path}: no SPDX line"
    for number, line in enumerate(lines, 1):
        if len(line) > WIDTH and not path.endswith((".mjs", ".py", ".def")):
            yield f"{path}:{number}: {len(line)} columns, the hard stop is {WIDTH}"
        if UNFINISHED.search(line):
            yield f"{path}:{number}: unfinished: {line.strip()[:80]}"
    if path.endswith((".cpp", ".hpp")):
        yield from check_cpp(path, lines)
    elif len(lines) > SOURCE_LINES:
        yield f"{path}: {len(lines)} lines, the hard stop is {SOURCE_LINES}"


def main():
    files = tracked()
    breaches = [breach for path in files for breach in check(path)]
    for breach in breaches:
        print(breach)
    print(f"{len(files)} files, {len(breaches)} breaches")
    return 1 if breaches or not files else 0


if __name__ == "__main__":
    sys.exit(main())
