#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants faults, one at a time, and sees whether the tests notice.

    make mutate                     every fault of tools/mutations.toml
    tools/mutate.py NAME ...        only these
    tools/mutate.py --check         every fault's text still stands exactly once in its file (part of `make test`)

A fault is a [[fault]] with a name, the file, the text that stands there exactly once, what replaces it, and the room's
test programs that have to fail. The work is done on a copy under build/mutate, so the tree is never touched. A fault
that survives, or that does not compile, fails the run.
"""
import os
import re
import shutil
import subprocess
import sys
import time

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10 and older
    tomllib = None

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COPY = os.path.join(ROOT, "build", "mutate", "tree")
BUILD = os.path.join(ROOT, "build", "mutate", "build")
FAULTS = os.path.join(ROOT, "tools", "mutations.toml")
FEWEST = 30


def load():
    if tomllib is None:
        sys.exit("tools/mutate.py needs Python 3.11 or newer")
    with open(FAULTS, "rb") as file:
        return tomllib.load(file)["fault"]


def text_of(fault, root):
    with open(os.path.join(root, fault["file"]), encoding="utf-8") as file:
        return file.read()


def complaints(faults):
    names = [fault["name"] for fault in faults]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name}: named twice"
    if len(faults) < FEWEST:
        yield f"{len(faults)} faults are fewer than {FEWEST}"
    for fault in faults:
        path = os.path.join(ROOT, fault["file"])
        if not os.path.exists(path):
            yield f"{fault['name']}: there is no {fault['file']}"
        elif (count := text_of(fault, ROOT).count(fault["find"])) != 1:
            yield f"{fault['name']}: its text stands {count} times in {fault['file']}"
        elif not fault["tests"]:
            yield f"{fault['name']}: names no test program"


def copy_tree():
    """Only what changed is written, so that the build of the copy stays warm."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                            stdout=subprocess.PIPE).stdout.decode().splitlines()
    wanted = {name for name in listed if os.path.isfile(os.path.join(ROOT, name))}
    for name in wanted:
        source, target = os.path.join(ROOT, name), os.path.join(COPY, name)
        with open(source, "rb") as file:
            content = file.read()
        if os.path.exists(target):
            with open(target, "rb") as file:
                if file.read() == content:
                    continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(source, target)
    for folder, _, files in os.walk(COPY):
        for name in files:
            path = os.path.join(folder, name)
            if os.path.relpath(path, COPY) not in wanted:
                os.remove(path)


def configure():
    # Without warnings: what a fault leaves unused must not keep it from being tried.
    if os.path.exists(os.path.join(BUILD, "build.ninja")):
        return
    subprocess.run(["cmake", "-S", COPY, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                    "-DCMAKE_CXX_FLAGS_DEBUG=-O0 -g1 -w", "-DX402_APPS=OFF"], check=True, stdout=subprocess.DEVNULL)


def build(programs):
    return subprocess.run(["ninja", "-C", BUILD, "--quiet", *programs], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)


def program_path(name):
    for folder, _, files in os.walk(BUILD):
        if name in files and "CMakeFiles" not in folder:
            return os.path.join(folder, name)
    return None


def first_failure(output):
    found = re.search(r"\[  FAILED  \] (\S+)", output)
    return found.group(1) if found else "it ended by a signal or ran too long"


def run_tests(programs):
    """The name of the first failing test, or None."""
    for name in programs:
        try:
            done = subprocess.run([program_path(name), "--gtest_brief=1", "--gtest_fail_fast"], timeout=240,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except subprocess.TimeoutExpired:
            return "a test that no longer ends"
        if done.returncode != 0:
            return first_failure(done.stdout.decode("utf-8", "replace"))
    return None


def write(fault, text):
    with open(os.path.join(COPY, fault["file"]), "w", encoding="utf-8") as file:
        file.write(text)


def try_fault(fault):
    """(killed, what happened)"""
    original = text_of(fault, COPY)
    write(fault, original.replace(fault["find"], fault["replace"]))
    try:
        done = build(fault["tests"])
        if done.returncode != 0:
            return False, "does not compile:\n" + done.stdout.decode("utf-8", "replace")[-3000:]
        failure = run_tests(fault["tests"])
        return failure is not None, failure or "SURVIVED"
    finally:
        write(fault, original)


def main():
    faults = load()
    wrong = list(complaints(faults))
    for line in wrong:
        print(line)
    if wrong or "--check" in sys.argv:
        print(f"{len(faults)} faults, {len(wrong)} complaints")
        return 1 if wrong else 0
    chosen = [fault for fault in faults if len(sys.argv) == 1 or fault["name"] in sys.argv[1:]]
    copy_tree()
    configure()
    programs = sorted({name for fault in chosen for name in fault["tests"]})
    sound = build(programs)
    if sound.returncode != 0 or (failure := run_tests(programs)) is not None:
        print(sound.stdout.decode("utf-8", "replace")[-3000:])
        print("the tests do not pass without a fault" + (f": {failure}" if sound.returncode == 0 else ""))
        return 1
    killed = 0
    for fault in chosen:
        started = time.monotonic()
        dead, what = try_fault(fault)
        killed += dead
        seconds = time.monotonic() - started
        print(f"{'killed  ' if dead else 'ALIVE   '} {fault['name']}: {what} ({seconds:.0f} s)", flush=True)
    print(f"{killed} killed, {len(chosen) - killed} survived")
    return 0 if killed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
