// SPDX-License-Identifier: Apache-2.0
//
// The conformance suites over a real Solana node: each suite gets a chain of its own, and each of its tests is one
// subtest here. What a test found is in the program's own words.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startSvmWorld } from "../devnet/svm_world.mjs";
import { ROOT, run } from "../lib/proc.mjs";
import { newFolder } from "../lib/x402bin.mjs";

const BUILD = process.env.X402_BUILD ?? join(ROOT, "build/release");
const PROGRAM = join(BUILD, "tests/conformance/x402_conformance_svm");
const SUITES = ["Facilitator", "Gateway", "Client"];
// A payment lives 150 of them: half a minute, for what a test does with it on a slow machine.
const SLOT_MS = 200;

function failureText({ failures = [] }) {
  return failures.map(({ failure }) => failure).join("\n");
}

for (const suite of SUITES) {
  test(`${suite} suite on a Solana chain`, async (t) => {
    const world = await startSvmWorld({ facilitators: 1, payers: 0, slotMs: SLOT_MS });
    t.after(() => world.stop());
    const report = join(newFolder("conformance"), "report.json");
    const { code, signal, stdout, stderr } = await run(
      PROGRAM,
      [`--gtest_filter=${suite}.*`, `--gtest_output=json:${report}`],
      {
        deadlineMs: 400_000,
        env: {
          X402_CONFORMANCE_RPC: world.rpc,
          X402_CONFORMANCE_NETWORK: world.network,
          X402_CONFORMANCE_SLOT_MS: `${SLOT_MS}`,
          X402_SIGNER: world.accounts.facilitator1.key,
        },
      },
    );
    const tail = `${stdout.slice(-6000)}\n${stderr.slice(-2000)}`;
    assert.equal(signal, null, tail);
    const { testsuites } = JSON.parse(readFileSync(report, "utf8"));
    const cases = testsuites.flatMap(({ testsuite }) => testsuite);
    assert.ok(cases.length > 0, `no test in ${suite}`);
    for (const each of cases) {
      const skip = each.result === "SKIPPED" && "this network cannot do it on command";
      await t.test(each.name, { skip }, () => assert.equal(failureText(each), ""));
    }
    assert.equal(code, 0, tail);
  });
}
