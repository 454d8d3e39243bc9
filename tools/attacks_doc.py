#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/attacks.md: which attacks are tried on real processes and a real chain, by which test.

Usage: attacks_doc.py [--check] [--results FILE ...]

The rows and their words stand here; the tests are found by their titles, `attack 12: ...`, in
tests/attacks/*.test.mjs. --results reads the TAP of a run (`make attacks` makes one) and fills the last column;
without it that column says `not run`. --check writes nothing and fails when the page names other tests or words than
the tree, or when an attack of REQUIRED has no test; it does not look at the last column.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests" / "attacks"
DOCUMENT = ROOT / "docs" / "attacks.md"
REQUIRED = [1, 3, 4, 5, *range(7, 23), *range(25, 34), 42, 44]
NOT_RUN = "not run"

# number: (what is tried, what must happen)
ROWS = {
    1: ("One payment, sent by hundreds of callers in the same moment while its settlement is slow.",
        "One of them is served and one transaction is made; the others are told to wait, or that it was used."),
    2: ("The same, spread over replicas that share a store, and the store dies meanwhile.",
        "Still one; without a store nobody is served."),
    3: ("A used authorization in new clothes: other JSON order and white space, other base64, other hex case, an "
        "extension more.",
        "It is the same payment under the same key: one transfer, one grant."),
    4: ("A payment on Solana with other signatures in the fee payer's place.",
        "It is one payment under one key: one transfer."),
    5: ("One authorization handed to several sellers with the same recipient.",
        "Only the seller whose settlement succeeds delivers; where settlement comes first the others do no work."),
    6: ("A payment for one path, repeated on another path of the same price, with another method or body.",
        "Refused: a grant belongs to the request that was paid for."),
    7: ("The payer cancels the authorization, or empties the purse, between the check and the settlement.",
        "Settled first, there is no answer to lose; settled afterwards, the answer is withheld, the loss is counted, "
        "and a payer who does it again pays first."),
    8: ("Somebody who has seen the signature makes the transfer himself, before our transaction is mined.",
        "No success for a stranger's transaction: it is named as a duplicate, nothing is granted and nobody is asked "
        "to pay again. Only with `accept_observed`, and only after our own intent, it counts, once."),
    9: ("A facilitator whose answers are wrong: failure with status 200, missing or mistyped fields, success without "
        "a transaction.",
        "Nothing is granted; nonsense is the infrastructure's fault and never the payer's."),
    10: ("A facilitator that says \"pending\" with any status, or a web page instead of an answer.",
         "Pending stays pending and the same payment is asked about again; the rest is unknown, never failed."),
    11: ("The seller takes the money and the answer is lost, cut, or another 402.",
         "The client sends the same payment again and never signs a second one for it."),
    12: ("The facilitator's wait ends, its process is killed before or after the broadcast, or its journal cannot be "
         "written.",
         "The next start finds out from the chain what happened. One transaction, one end, told with its hash."),
    13: ("A token whose call succeeds with a used nonce and only emits some event.",
         "Success needs the Transfer of this payment in the receipt; without it there is none."),
    14: ("A token that keeps a fee, rounds balances down, or treats a simulation better than a transaction.",
         "Less than the amount is no payment: refused before anything is sent, or failed with a code and never "
         "retried."),
    15: ("A signature in an ERC-6492 wrapper that names the token, or another contract, as the wallet's factory.",
         "Refused by both doors; the named contract is neither called nor simulated."),
    16: ("A good ECDSA signature from an address that has code: a wallet, or a delegated account (EIP-7702).",
         "The code decides by ERC-1271, the key alone counts for nothing, and verify and settle agree."),
    17: ("Nearly right signatures: mirrored s, v of 0 or 1, another chain, name or version, nobody's address.",
         "Refused by both doors; the code tells the domain's faults apart and the answer names what was expected."),
    18: ("A Solana transaction that uses its fee payer for more than the fee, openly or through a lookup table.",
         "Refused unsigned, and the fee payer is not a lamport poorer."),
    19: ("Two priority prices, no compute limit, prices above the cap.",
         "Refused unsigned; what is allowed costs exactly what it says."),
    20: ("Accounts at the fee payer's cost, crowds of new recipients, payers who empty their account behind our "
         "signature.",
         "Rent is never ours; fees stay within the payer's share and the day's budget."),
    21: ("Two transfers, too much or too little, another recipient, another memo.",
         "Refused unsigned."),
    22: ("A flood of good signatures over empty purses, dust, a slow or silent node, payers whose code burns gas.",
         "No gas is spent, memory and queues have a bound, too much is 429 with Retry-After, and an honest payer in "
         "the middle is served."),
    25: ("Other spellings of a paid path: encodings, slashes, dots, parameters, case, other methods.",
         "Never served unpaid: 402, or 400 where it could be read in two ways."),
    26: ("Two payment headers, both protocol versions, headers that only the gateway may send.",
         "Ambiguous is 400; what a client may not say does not reach the API."),
    27: ("A shared cache in front: a paid answer is fetched, then asked for unpaid.",
         "Nothing that was paid for, and no offer, may be kept by a shared cache."),
    28: ("Headers and bodies that are too long, too deep, doubled or compressed; amounts that are no decimal digits.",
         "Refused before it is decoded, with a 4xx and a code; never a 5xx, and memory stays where it was."),
    29: ("Times at the edge: one second left, not yet, the very second of a block, the year 9999, clocks that differ.",
         "Refused with the numbers told, or settled; a transaction mined too late is no success."),
    30: ("A payment for an offer that was never made: cheaper, another token, another recipient.",
         "Only the seller's own terms count; anything else is 402."),
    31: ("Offers to a client in an unknown token, on another chain, to a new recipient, from a look-alike host.",
         "Refused by policy, and nothing is signed."),
    32: ("Text on a page or in an offer that tells the reader to pay somebody.",
         "Only a structured offer of the server that was asked can be paid; text never reaches the signer."),
    33: ("A seller that answers each payment with another 402, or takes the money for nothing.",
         "One payment for one request; the loop ends and says so."),
    34: ("A payer, or a role, is sent to addresses inside the network.",
         "Blocked after the name is resolved, and again at each redirect."),
    42: ("Secrets around a payment: the query of the address, keys, callers' tokens, descriptions, extensions.",
         "They appear in no log, no answer that is not theirs, and no journal."),
    43: ("A block that held our transfer is taken back, and the payer uses the moment.",
         "The payment is pending again until it is confirmed again; one transfer in the end, or a failure."),
    44: ("A facilitator over plain http, or one that lies about a settlement.",
         "Refused at the start; a transaction that proves nothing is no proof; and with `proof = \"chain\"` a success that the "
         "chain does not show buys nothing."),
}

HEAD = """# Attacks

Each of these is tried, automatically, on real processes and a local chain with real contracts. `make attacks` runs
them and fills the last column; the page is made by `tools/attacks_doc.py` from the titles of the tests, and
`make test` checks that it is current.

| # | what is tried | what must happen | tests | last run |
|---|---|---|---|---|
"""

NUMBERS = r"attack (\d+(?:(?:, | and )\d+)*): "
# A literal in any of the three quotes that begins like a title, and whether more is added to it.
TITLE = re.compile(r"""(["'`])(%s(?:\\.|(?!\1)[^\\])*)\1(\s*\+)?""" % NUMBERS, re.S)
HOLE = "\0"


class Test:
    """A title with holes where the source computes a part of it."""

    def __init__(self, file, quote, text, more):
        if quote == "`":
            text = re.sub(r"\$\{(?:[^{}]|\{[^{}]*\})*\}", HOLE, text)
        self.file = file
        self.title = re.sub(r"\\(.)", r"\1", text) + (HOLE if more else "")
        self.rows = [int(number) for number in re.findall(r"\d+", re.match(NUMBERS, text).group(1))]
        self.pattern = re.compile(".*".join(map(re.escape, self.title.split(HOLE))), re.S)

    def shown(self):
        title = self.title.split(": ", 1)[1].replace(HOLE, "…")
        return re.sub(r"…(\s*…)+", "…", title).replace("|", "\\|").replace("<", "&lt;")


def read_tests():
    tests, seen = [], {}
    for path in sorted(TESTS.glob("*.test.mjs")):
        source = re.sub(r"^\s*//.*$", "", path.read_text(encoding="utf-8"), flags=re.M)
        for quote, text, _, more in TITLE.findall(source):
            test = Test(path.name, quote, text, more)
            if test.title in seen:
                sys.exit(f"{path.name} and {seen[test.title]}: two tests are called \"{test.title}\"")
            seen[test.title] = path.name
            tests.append(test)
    unknown = sorted({row for test in tests for row in test.rows} - ROWS.keys())
    if unknown:
        sys.exit(f"attacks {unknown} have tests and no words: add them to ROWS in tools/attacks_doc.py")
    return tests


def read_results(files):
    """[(title, passed)] of every test in the TAP files, at any depth."""
    line = re.compile(r"^\s*(not ok|ok) \d+ - (.*?)(?: # (\w+)\b.*)?$")
    results = []
    for file in files:
        for text in pathlib.Path(file).read_text(encoding="utf-8", errors="replace").splitlines():
            found = line.match(text)
            if found and not found.group(3):
                results.append((re.sub(r"\\([\\#])", r"\1", found.group(2)), found.group(1) == "ok"))
    return results


def result_of(tests, results):
    """One word for an attack: it passes only when every one of its tests ran and passed."""
    verdicts = [[passed for title, passed in results if test.pattern.fullmatch(title)] for test in tests]
    if any(False in told for told in verdicts):
        return "fails"
    if all(verdicts):
        return "passes"
    return NOT_RUN if not any(verdicts) else "partly run"


def cell(tests):
    files = []
    for file in dict.fromkeys(test.file for test in tests):
        titles = "<br>".join(test.shown() for test in tests if test.file == file)
        files.append(f"[{file}](../tests/attacks/{file})<br>{titles}")
    return "<br>".join(files)


def document(tests, results):
    out = [HEAD]
    for row, (tried, must) in sorted(ROWS.items()):
        mine = [test for test in tests if row in test.rows]
        if mine:
            out.append(f"| {row} | {tried} | {must} | {cell(mine)} | {result_of(mine, results)} |\n")
    return "".join(out)


def without_results(text):
    return re.sub(r"^(\| \d+ \|.*\|)[^|]*\|$", r"\1", text, flags=re.M)


def check(tests):
    covered = {row for test in tests for row in test.rows}
    missing = [row for row in REQUIRED if row not in covered]
    if missing:
        sys.exit(f"no test in tests/attacks for: {', '.join(map(str, missing))}")
    page = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
    if without_results(page) != without_results(document(tests, [])):
        sys.exit("docs/attacks.md is out of date; run tools/attacks_doc.py, or make attacks")


def main():
    words = sys.argv[1:]
    tests = read_tests()
    if words == ["--check"]:
        check(tests)
        return
    if words and (words[0] != "--results" or len(words) < 2):
        sys.exit(__doc__)
    DOCUMENT.write_text(document(tests, read_results(words[1:])), encoding="utf-8")


main()
