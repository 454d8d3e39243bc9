#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy with the checks of .clang-tidy over the sources of x402/, apps/ and fuzz/, by the commands of the
clang build (preset `fuzz`, which it configures where needed and never builds). Headers are read with the sources that
include them; a finding in one is told once.

What was found in a file is kept in build/tidy and told again, without running anything, while the file, every header
of ours that it includes, its compile command, .clang-tidy and the version of clang-tidy stay the same. A NOLINT has to
say why.

    tools/clang_tidy.py                 everything
    tools/clang_tidy.py --changed       what differs from git's HEAD
    tools/clang_tidy.py x402/net ...    these files or folders

Closes with one line of counts; exit 1 if there is a finding."""
import argparse
import glob
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CLANG_TIDY = "clang-tidy-19"
CLANG_BUILD = os.path.join(ROOT, "build", "fuzz")
HOME = os.path.join(ROOT, "build", "tidy")
CACHE = os.path.join(HOME, "found")
FILE_SECONDS = 900  # for one file, at the lowest priority on a busy machine

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.M)
FINDING = re.compile(r"^(/[^:\n]+):(\d+):(\d+): (?:warning|error): (.*)$")
NOLINT = re.compile(r"\bNOLINT\w*")
# NOLINT(check): the reason    or    NOLINTNEXTLINE(check): the reason
EXCUSED = re.compile(r"\bNOLINT(?:NEXTLINE)?(?:\([a-z][\w.,-]*\))?: \S+ \S+")


def sources():
    """What is read: tests live by other rules, and _template is built by tests/add_a_chain alone."""
    found = []
    for top in ("x402", "apps", "fuzz"):
        found += glob.glob(f"{ROOT}/{top}/**/*.cpp", recursive=True)
    return sorted(os.path.relpath(path, ROOT) for path in found
                  if not path.endswith("_test.cpp") and "/_template/" not in path)


def compile_commands(wanted):
    """Path to arguments. Configures anew when the clang build has not seen the sources as they are today."""
    file = os.path.join(CLANG_BUILD, "compile_commands.json")
    commands = read_commands(file)
    unknown = [path for path in wanted if path not in commands and not path.startswith("apps/")]
    gone = [path for path in commands if not os.path.exists(os.path.join(ROOT, path))]
    if unknown or gone:
        done = subprocess.run(["cmake", "--preset", "fuzz"], cwd=ROOT, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode != 0:
            sys.exit(done.stdout.decode("utf-8", "replace") + "clang-tidy: the preset fuzz does not configure")
        commands = read_commands(file)
    if not commands:
        sys.exit(f"clang-tidy: no commands in {file}")
    # The binary is not part of the clang build: its sources see what the room with the most to see does.
    widest = max(commands.values(), key=len)
    return {path: commands.get(path, widest) for path in wanted}


def read_commands(file):
    if not os.path.exists(file):
        return {}
    with open(file, encoding="utf-8") as text:
        entries = json.load(text)
    return {os.path.relpath(entry["file"], ROOT): arguments_of(entry) for entry in entries}


def arguments_of(entry):
    """The command without its input and output, and without what only the generated code is for. Warnings stay
    warnings, so that each has the name of its own."""
    words = shlex.split(entry["command"])
    kept, skip = [], False
    for word in words:
        if skip or word in ("-o", "-c"):
            skip = word in ("-o", "-c")
        elif word != "-Werror" and not word.startswith(("-fsanitize", "-fno-sanitize", "-g")):
            kept.append(word)
    return kept


def write_database(commands):
    os.makedirs(CACHE, exist_ok=True)
    entries = [{"directory": CLANG_BUILD, "file": os.path.join(ROOT, path),
                "arguments": [*arguments, "-c", os.path.join(ROOT, path)]} for path, arguments in commands.items()]
    replace(os.path.join(HOME, "compile_commands.json"), json.dumps(entries, indent=1))


def replace(file, text):
    with open(f"{file}.new", "w", encoding="utf-8") as out:
        out.write(text)
    os.replace(f"{file}.new", file)


class Texts:
    """The files of the project as they are at this moment: their hashes, and who includes whom."""

    def __init__(self):
        self.seen = {}

    def get(self, path):
        if path not in self.seen:
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                text = file.read()
            places = ("", os.path.dirname(path), "build/fuzz/generated")
            includes = [found for name in INCLUDE.findall(text) for found in
                        [next((p for p in (os.path.normpath(os.path.join(place, name)) for place in places)
                               if os.path.isfile(os.path.join(ROOT, p))), None)] if found]
            self.seen[path] = (hashlib.sha256(text.encode()).hexdigest(), includes, text)
        return self.seen[path]

    def reached(self, path):
        """The file and everything of ours that it includes, directly or not."""
        found, ahead = set(), [path]
        while ahead:
            one = ahead.pop()
            if one not in found:
                found.add(one)
                ahead += self.get(one)[1]
        return found

    def key(self, path, arguments, rules):
        whole = [rules, *arguments, *(f"{one} {self.get(one)[0]}" for one in sorted(self.reached(path)))]
        return hashlib.sha256("\n".join(whole).encode()).hexdigest()


def rules_of_today():
    version = subprocess.run([CLANG_TIDY, "--version"], stdout=subprocess.PIPE, check=True).stdout.decode()
    with open(os.path.join(ROOT, ".clang-tidy"), encoding="utf-8") as file:
        return version + file.read()


def blocks(output):
    """Each finding with the lines that belong to it: the notes and the code they point at."""
    found = []
    for line in output.splitlines():
        if FINDING.match(line):
            found.append([line.replace(f"{ROOT}/", "")])
        elif found:
            found[-1].append(line.replace(f"{ROOT}/", ""))
    return ["\n".join(block) for block in found]


def look(path):
    """Runs clang-tidy over one file: (finished, findings)."""
    command = ["nice", "-n", "19", CLANG_TIDY, "--quiet", "-p", HOME, os.path.join(ROOT, path)]
    try:
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=FILE_SECONDS)
    except subprocess.TimeoutExpired:
        return False, [f"{path}:1:1: error: clang-tidy gave up after {FILE_SECONDS} s [tidy]"]
    found = blocks(done.stdout.decode("utf-8", "replace"))
    if done.returncode != 0 and not found:
        last = done.stderr.decode("utf-8", "replace")[-2000:]
        return False, [f"{path}:1:1: error: clang-tidy ended with {done.returncode} [tidy]\n{last}"]
    return not any("[clang-diagnostic-error" in block for block in found), found


class Memory:
    """What was found last time, one small file for each source."""

    def file(self, path):
        return os.path.join(CACHE, path.replace("/", "__") + ".json")

    def recall(self, path, key):
        try:
            with open(self.file(path), encoding="utf-8") as file:
                told = json.load(file)
        except (FileNotFoundError, ValueError):
            return None
        return told["findings"] if told["key"] == key else None

    def keep(self, path, key, findings):
        replace(self.file(path), json.dumps({"key": key, "findings": findings}))

    def forget_others(self, paths):
        for file in set(glob.glob(f"{CACHE}/*")) - {self.file(path) for path in paths}:
            os.remove(file)


def changed(texts, wanted):
    """What differs from HEAD; for a header the source beside it, or else the first that includes it."""
    listing = ""
    for command in (["diff", "--name-only", "HEAD"], ["ls-files", "-o", "--exclude-standard"]):
        done = subprocess.run(["git", "--no-optional-locks", *command], cwd=ROOT, stdout=subprocess.PIPE, check=True)
        listing += done.stdout.decode()
    chosen = set()
    for path in listing.splitlines():
        if path in wanted:
            chosen.add(path)
        elif path.endswith((".hpp", ".def")) and os.path.exists(os.path.join(ROOT, path)):
            beside = os.path.splitext(path)[0] + ".cpp"
            reader = beside if beside in wanted else next((one for one in wanted if path in texts.reached(one)), None)
            chosen |= {reader} if reader else set()
    return sorted(chosen)


def bare_nolints(texts, chosen):
    read = sorted({one for path in chosen for one in texts.reached(path) if not one.startswith("build/")})
    for path in read:
        for number, line in enumerate(texts.get(path)[2].splitlines(), 1):
            if NOLINT.search(line) and not EXCUSED.search(line):
                yield f"{path}:{number}:1: error: a NOLINT that does not say why [tidy]"


def arguments():
    parser = argparse.ArgumentParser(description="clang-tidy over the sources; see the head of this file")
    parser.add_argument("--changed", action="store_true", help="only what differs from git's HEAD")
    parser.add_argument("--jobs", type=int, default=int(os.environ.get("JOBS") or os.cpu_count() or 1))
    parser.add_argument("paths", nargs="*", help="files or folders, from the project's root")
    return parser.parse_args()


def choose(given, texts, wanted):
    if given.changed:
        return changed(texts, wanted)
    if given.paths:
        asked = [os.path.normpath(path) for path in given.paths]
        return [path for path in wanted if any(path == one or path.startswith(f"{one}/") for one in asked)]
    return wanted


def main():
    given = arguments()
    started = time.monotonic()
    wanted, texts, memory = sources(), Texts(), Memory()
    try:
        rules = rules_of_today()
    except FileNotFoundError:
        sys.exit(f"clang-tidy: no {CLANG_TIDY} here; tools/setup.sh fuzz installs it")
    commands = compile_commands(wanted)
    write_database(commands)
    memory.forget_others(wanted)
    chosen = choose(given, texts, wanted)
    if given.paths and not chosen:
        sys.exit("clang-tidy: no source there")

    told = set()

    def tell(findings):
        for block in findings:
            head = block.splitlines()[0]
            if head not in told:
                told.add(head)
                print(block, flush=True)

    tell(bare_nolints(texts, chosen))
    keys = {path: texts.key(path, commands[path], rules) for path in chosen}
    fresh = []
    for path in chosen:
        known = memory.recall(path, keys[path])
        if known is None:
            fresh.append(path)
        else:
            tell(known)
    with ThreadPoolExecutor(max(1, given.jobs)) as pool:
        running = {pool.submit(look, path): path for path in fresh}
        for number, done in enumerate(as_completed(running), 1):
            finished, findings = done.result()
            if finished:
                memory.keep(running[done], keys[running[done]], findings)
            tell(findings)
            if number % 25 == 0:
                print(f"clang-tidy: {number} of {len(fresh)} files", flush=True)
    print(f"clang-tidy: {len(chosen)} files, {len(chosen) - len(fresh)} of them unchanged, {len(told)} findings "
          f"({time.monotonic() - started:.0f} s)")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
