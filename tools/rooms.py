#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the tree against its own rules: one-way doors between rooms, one owner for each third-party header, no
word of a chain's transaction mechanics in the role rooms, no cycle. Prints every breach; exit 1 if there is one."""
import fnmatch
import glob
import os
import re
import sys
import tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# What each room may include besides itself.
LOW = {"base": set(), "crypto": {"base"}, "net": {"base"}}
LOW["protocol"] = {"base", "crypto"}
LOW["schemes"] = {"base", "crypto", "protocol"}
LOW["store"] = {"base", "crypto", "protocol"}
LOW["transports"] = {"base", "crypto", "protocol", "net"}
LOW["ops"] = {"base", "net"}
CHAIN = {"base", "crypto", "protocol", "schemes", "net"}
ROLE = {"base", "crypto", "protocol", "schemes", "net", "store", "transports", "ops"}
ROLES = ("client", "server", "facilitator", "discovery")

# How a chain orders its transactions is the chain's alone.
MECHANICS = re.compile(r"\b\w*(tx_nonce|gas_price|gas_limit|blockhash|multicall)\w*\b", re.I)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)


def room_of(path):
    parts = path.split("/")
    if parts[0] != "x402" or len(parts) < 3:
        return parts[0]
    if parts[1] in ("chains", "rails"):
        return f"{parts[1]}/{parts[2]}"
    return parts[1]


def may_use(room):
    if room in LOW:
        return LOW[room]
    if room.startswith(("chains/", "rails/")):
        return CHAIN
    if room in ROLES:
        return ROLE
    return None  # plugin, apps, tests, bench, fuzz, examples: everything


def sources():
    for top in ("x402", "apps", "tests", "bench", "fuzz", "examples", "cmake"):
        for ending in ("hpp", "cpp", "def"):
            for found in glob.glob(f"{ROOT}/{top}/**/*.{ending}", recursive=True):
                path = os.path.relpath(found, ROOT)
                if "/node_modules/" not in path and "/build/" not in path:
                    yield path


def owner_allows(owners, path, header):
    for owner in owners:
        if not header.startswith(owner["header"]):
            continue
        for where in owner["where"]:
            if where == "*" or fnmatch.fnmatch(path, where) or fnmatch.fnmatch(path, "*/" + where):
                return True
            if path.startswith(where + "/") or path.startswith(where + "."):
                return True
        return False
    return None


STANDARD = re.compile(r"^[a-z_]+$|^(sys|netinet|arpa|net)/\w+\.h$|^(unistd|fcntl|signal|poll|stdlib|errno|netdb|pwd)\.h$")


def check_include(path, room, kind, header, owners, edges):
    if header.startswith("x402/"):
        other = room_of(header)
        if other == room:
            return None
        edges.setdefault(room, set()).add(other)
        allowed = may_use(room)
        if path.endswith("_test.cpp") and other == "store" and room in ROLES:
            return None
        if allowed is not None and other not in allowed:
            return f"{path}: room {room} may not include {header}"
        return None
    allowed = owner_allows(owners, path, header)
    if allowed is False:
        return f"{path}: {header} belongs to another owner (tools/owners.toml)"
    if allowed is None and kind == "<" and not STANDARD.match(header):
        return f"{path}: {header} has no owner (tools/owners.toml)"
    return None


def check_mechanics(path, room, text):
    if room not in ROLES:
        return []
    bare = STRING.sub('""', COMMENT.sub("", text))
    return [f"{path}: `{found.group(0)}` is a chain's own matter" for found in MECHANICS.finditer(bare)]


def find_cycle(edges):
    done, stack = set(), []

    def visit(room):
        if room in stack:
            return stack[stack.index(room):] + [room]
        if room in done:
            return None
        stack.append(room)
        for other in sorted(edges.get(room, ())):
            cycle = visit(other)
            if cycle:
                return cycle
        stack.pop()
        done.add(room)
        return None

    for room in sorted(edges):
        cycle = visit(room)
        if cycle:
            return cycle
    return None


def main():
    with open(f"{ROOT}/tools/owners.toml", "rb") as file:
        owners = tomllib.load(file)["owner"]
    breaches, edges, count = [], {}, 0
    for path in sources():
        count += 1
        room = room_of(path)
        with open(f"{ROOT}/{path}", encoding="utf-8") as file:
            text = file.read()
        for found in INCLUDE.finditer(text):
            breach = check_include(path, room, found.group(1), found.group(2), owners, edges)
            if breach:
                breaches.append(breach)
        breaches += check_mechanics(path, room, text)
    cycle = find_cycle({room: others for room, others in edges.items() if may_use(room) is not None})
    if cycle:
        breaches.append("cycle: " + " -> ".join(cycle))
    for breach in sorted(breaches):
        print(breach)
    print(f"{count} files, {len(breaches)} breaches")
    return 1 if breaches or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
