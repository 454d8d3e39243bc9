#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/reasons.md from x402/protocol/reasons.def.

Usage: reasons_doc.py [--check]. With --check nothing is written; the exit code is 1 when the document is not
what the table says.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "x402" / "protocol" / "reasons.def"
DOCUMENT = ROOT / "docs" / "reasons.md"

STRING = r'"((?:[^"\\]|\\.)*)"'
ROW = re.compile(
    r"^X402_REASON\((\w+), %s, (\d{3}), (true|false), %s, %s\)$" % (STRING, STRING, STRING))
HEAD = """# Reasons

Every code that x402-cpp sends, in the order of the table in `x402/protocol/reasons.def`, from which this page is
made (`tools/reasons_doc.py`). The status is the one the gateway answers with. Retry means that the same request
may succeed later.
"""
COLUMNS = "| code | status | retry | meaning | next step |\n|---|---|---|---|---|\n"


def unescape(text):
    return re.sub(r"\\(.)", r"\1", text).replace("|", "\\|")


def sections(lines):
    """Yields (heading or None, row or None); refuses a line that is neither row, comment nor blank."""
    for number, line in enumerate(lines, 1):
        line = line.rstrip()
        if line.startswith("// ") and number > 4:
            yield line[3:], None
        elif line.startswith("X402_REASON("):
            match = ROW.match(line)
            if not match:
                sys.exit(f"{TABLE}:{number}: not a row of the table")
            yield None, match.groups()
        elif line and not line.startswith("//"):
            sys.exit(f"{TABLE}:{number}: neither a row nor a comment")


def document():
    out = [HEAD]
    open_table = False
    for heading, row in sections(TABLE.read_text(encoding="utf-8").splitlines()):
        if heading:
            out.append(f"\n## {heading}\n\n{COLUMNS}")
            open_table = True
            continue
        if not open_table:
            out.append(f"\n{COLUMNS}")
            open_table = True
        _, wire, status, retryable, sentence, next_step = row
        retry = "yes" if retryable == "true" else "no"
        out.append(f"| `{wire}` | {status} | {retry} | {unescape(sentence)} | {unescape(next_step)} |\n")
    return "".join(out)


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    text = document()
    if sys.argv[1:] == ["--check"]:
        if not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != text:
            sys.exit("docs/reasons.md is out of date; run tools/reasons_doc.py")
        return
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(text, encoding="utf-8")


main()
