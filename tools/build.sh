#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/build.sh PRESET TARGET...: configures where needed, builds, and prints how long it took. The seconds are
# also kept in build/times.txt, from which bench/BUILD.md is made.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift
jobs=${JOBS:-$(nproc)}
started=$(date +%s)
if [ ! -f "build/$preset/build.ninja" ]; then
  mkdir -p build
  cmake --preset "$preset" ${X402_CMAKE_FLAGS:-} > "build/configure-$preset.log" 2>&1 || {
    cat "build/configure-$preset.log"
    exit 1
  }
fi
ninja -C "build/$preset" -j "$jobs" --quiet "$@"
seconds=$(($(date +%s) - started))
printf 'build %s %s %s\n' "$preset" "$seconds" "$*" >> build/times.txt
echo "built $preset ($*) in ${seconds} s"
