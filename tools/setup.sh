#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what a build, a test run or the demo needs and is missing: Debian packages, then the
# pinned npm packages under tests/. Takes well under a second when everything is there, and never
# asks a question.
#
#   tools/setup.sh            build, test, demo
#   tools/setup.sh bench      also the peers of the benchmarks
#   tools/setup.sh fuzz       also clang with libFuzzer, clang-tidy and clang-format
#
# As root, or with a sudo that needs no password, it installs by itself. Otherwise it prints the
# one command to run and ends with 1.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
stamp="$root/tests/node_modules/.setup-stamp"

packages=(
    build-essential cmake ninja-build ccache mold pkg-config python3
    libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev
    libssl-dev libcurl4-openssl-dev libsqlite3-dev libsecp256k1-dev libsodium-dev
    libfmt-dev libspdlog-dev libtomlplusplus-dev libcli11-dev
    libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev prometheus-cpp-dev
    curl ca-certificates procps
)
# Debian's npm (and the node 18 that comes with it) only fetches the pinned node; where another
# npm is installed, Debian's may even conflict with it.
command -v npm >/dev/null || packages+=(npm)

for mode in "$@"; do
    case $mode in
        bench) packages+=(nginx-light wrk) ;;
        fuzz) packages+=(clang-19 libclang-rt-19-dev libfuzzer-19-dev)
              packages+=(clang-tidy-19 clang-format-19) ;;
        *) echo "usage: tools/setup.sh [bench] [fuzz]" >&2; exit 2 ;;
    esac
done

say() { echo "setup: $*"; }

# timed WORDS... -- COMMAND...: runs the command and tells how many seconds it took. What it
# prints is shown only when it fails.
timed() {
    local words=()
    while [ "$1" != -- ]; do words+=("$1"); shift; done
    shift
    local start=$SECONDS output
    say "${words[*]} ..."
    # The lock stays ours: a service that a package starts must not inherit it.
    if ! output=$("$@" 2>&1 9>&-); then
        printf '%s\n' "$output" >&2
        say "${words[*]} failed after $((SECONDS - start)) s" >&2
        exit 1
    fi
    say "${words[*]}: $((SECONDS - start)) s"
}

missing_packages() {
    local installed package format='${Package}=${db:Status-Status} '
    # One call for all; its exit code and complaints are about packages dpkg has never seen.
    installed=" $(dpkg-query -W -f="$format" "${packages[@]}" 2>/dev/null || true)"
    for package in "${packages[@]}"; do
        case $installed in
            *" $package=installed "*) ;;
            *) echo "$package" ;;
        esac
    done
}

# Empty for root, "sudo" where that needs no password; fails otherwise.
elevation() {
    [ "$(id -u)" -eq 0 ] && return 0
    sudo -n true 2>/dev/null && echo sudo
}

apt() {
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"
}

install_packages() {
    if ! command -v apt-get >/dev/null; then
        say "there is no apt-get here; only Debian 12 is tested. Needed, by Debian's names:"
        say "  ${packages[*]}"
        return 0
    fi
    local missing
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} -eq 0 ] && return 0
    if ! sudo=$(elevation); then
        local install="apt-get install -y --no-install-recommends"
        say "Debian packages are missing; run this command and then try again:" >&2
        echo "sudo apt-get update && sudo $install ${missing[*]}" >&2
        exit 1
    fi
    timed apt-get update -- apt update
    # Headers of another Boost conflict with 1.81: -y lets apt put ours in their place.
    timed installing "${missing[@]}" -- apt install --no-install-recommends "${missing[@]}"
}

npm_fingerprint() {
    (cd "$root/tests" && cat package.json package-lock.json .npmrc | sha256sum)
}

install_npm_packages() {
    local fingerprint
    fingerprint=$(npm_fingerprint)
    if [ -f "$stamp" ] && [ "$(<"$stamp")" = "$fingerprint" ]; then return 0; fi
    if ! command -v npm >/dev/null; then
        say "there is no npm; install one (9 or newer) and run this again" >&2
        exit 1
    fi
    # `npm ci` removes the folder first, the stamp with it: an interrupted run is noticed.
    timed npm packages of tests/ -- env -C "$root/tests" npm ci
    printf '%s' "$fingerprint" >"$stamp"
}

# Two runs at once (make test beside make demo) would pull the folder from under each other.
mkdir -p "$root/build"
exec 9>"$root/build/.setup.lock"
flock 9

install_packages
install_npm_packages
if [ "$SECONDS" -gt 1 ]; then
    say "everything is there: $SECONDS s"
    echo "build set-up $SECONDS packages" >>"$root/build/times.txt"
fi
exit 0
