# SPDX-License-Identifier: Apache-2.0
# The front door. `make demo` and `make test` need nothing but git, make and a package manager.
SHELL := /bin/bash
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
NODE := tests/node.sh

.PHONY: help setup build demo check test bench fuzz attacks soak crash mutate tsan tidy format install times clean

help:
	@echo "make demo     build, start a local world, and pay for calls as an agent would (DEMO_ONESHOT=1: then exit)"
	@echo "make build    build/release/x402"
	@echo "make check    the developers' loop: unit tests and one end-to-end payment"
	@echo "make test     everything; closes with 'N passed, N failed'"
	@echo "make bench    measure against the peers, writes bench/RESULTS.md"
	@echo "make fuzz     a minute for each parser"
	@echo "make attacks  what must not succeed, tried against real processes; writes docs/attacks.md"
	@echo "make soak     an hour of mixed traffic: nothing lost, memory and descriptors flat (SOAK_SECONDS)"
	@echo "make crash    kills every role at every write and send, on EVM and on Solana"
	@echo "make tsan     unit and load tests under ThreadSanitizer"
	@echo "make mutate   plants faults one at a time and sees whether the tests notice"
	@echo "make tidy     layering, file sizes, generated documents, clang-tidy"
	@echo "make format   clang-format over x402/, apps/, tests/"
	@echo "make install  into PREFIX (default /usr/local)"

setup:
	@tools/setup.sh

build: setup
	@tools/build.sh release x402

demo: build
	@$(NODE) tests/devnet/demo.mjs

check: setup
	@tools/build.sh dev all
	@python3 tools/run_tests.py check

test: setup
	@python3 tools/run_tests.py all

bench: build
	@tools/setup.sh bench
	@$(NODE) bench/run.mjs

fuzz:
	@tools/setup.sh fuzz
	@tools/build.sh fuzz all
	@python3 tools/run_fuzz.py

attacks: build
	@mkdir -p build/reports
	@$(NODE) --test --test-concurrency=1 --test-reporter=tap tests/attacks/*.test.mjs > build/reports/attacks.tap; \
	  status=$$?; python3 tools/attacks_doc.py --results build/reports/attacks.tap; exit $$status

soak: build
	@SOAK_SECONDS=$${SOAK_SECONDS:-3600} $(NODE) --test tests/soak/soak.test.mjs

crash: setup
	@python3 tools/run_tests.py crash

tsan: setup
	@python3 tools/run_tests.py tsan

mutate: setup
	@python3 tools/mutate.py

tidy:
	@tools/setup.sh fuzz
	@python3 tools/rooms.py
	@python3 tools/tidy.py
	@python3 tools/reasons_doc.py --check
	@python3 tools/clang_tidy.py --jobs $(JOBS) $(if $(CHANGED),--changed)

format:
	@tools/setup.sh fuzz
	@git ls-files '*.cpp' '*.hpp' | xargs clang-format-19 -i

install: build
	@cmake --install build/release --prefix $(PREFIX)

clean:
	@rm -rf build
