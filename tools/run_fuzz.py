#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every fuzz target for FUZZ_SECONDS (default 60) over its kept corpus; new finds stay in build/corpus."""
import glob
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECONDS = os.environ.get("FUZZ_SECONDS", "60")


def main():
    passed, failed = 0, 0
    for target in sorted(glob.glob(f"{ROOT}/build/fuzz/fuzz/fuzz_*")):
        if not (os.path.isfile(target) and os.access(target, os.X_OK)):
            continue
        name = os.path.basename(target)
        grown = f"{ROOT}/build/corpus/{name}"
        os.makedirs(grown, exist_ok=True)
        kept = f"{ROOT}/fuzz/corpus/{name.removeprefix('fuzz_')}"
        folders = [grown] + ([kept] if os.path.isdir(kept) else [])
        done = subprocess.run([target, f"-max_total_time={SECONDS}", "-timeout=10", "-rss_limit_mb=2048",
                               f"-artifact_prefix={ROOT}/build/", *folders], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        ok = done.returncode == 0
        passed, failed = passed + ok, failed + (not ok)
        last = done.stdout.decode("utf-8", "replace").strip().splitlines()
        print(f"{'ok  ' if ok else 'FAIL'} {name}: {last[-1] if last else ''}", flush=True)
        if not ok:
            print("\n".join(last[-40:]))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
