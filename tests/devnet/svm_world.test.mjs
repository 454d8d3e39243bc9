// SPDX-License-Identifier: Apache-2.0
//
// The local Solana world starts as promised, beside others of its kind, and leaves nothing behind.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { eventually } from "../lib/check.mjs";
import { houseOf } from "../lib/house.mjs";
import { startScript } from "../lib/proc.mjs";
import { SvmChain } from "../lib/svm.mjs";
import { svmAccount } from "../lib/svm_codec.mjs";
import { SVM_USDC, startSvmWorld } from "./svm_world.mjs";

const isRunning = (pid) =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));

test("four worlds at once are four chains with the same names", async (t) => {
  const house = houseOf(t);
  const worlds = await Promise.all([7, 8, 9, 10].map((dollars) => house.add(startSvmWorld({ payers: 2, dollars }))));
  assert.equal(new Set(worlds.map(({ rpc }) => rpc)).size, 4);
  for (const [i, world] of worlds.entries()) {
    const chain = new SvmChain(world);
    const { payer2, merchant, facilitator1 } = world.accounts;
    assert.deepEqual([world.usdc, payer2.key], [SVM_USDC, svmAccount("payer2").key]);
    assert.equal(await chain.balanceOf(payer2.address), BigInt(7 + i) * 1_000_000n);
    assert.equal(await chain.balanceOf(merchant.address), 0n);
    assert.deepEqual([await chain.lamportsOf(facilitator1.address), await chain.lamportsOf(payer2.address)],
      [10_000_000_000n, 0n]);
  }
});

test("a surfnet ends with SIGTERM", async () => {
  const role = await startScript("surfnet", "tests/devnet/surfnet_main.mjs", { args: ["50"] });
  assert.deepEqual(await role.stop(), { code: 0, signal: null });
  assert.equal(isRunning(role.pid), false);
});

test("a world that is stopped takes its surfnet with it", async () => {
  const world = await startSvmWorld({ payers: 1, facilitators: 1 });
  assert.ok(isRunning(world.node.pid));
  await world.stop();
  await eventually(() => !isRunning(world.node.pid), { what: "the end of the surfnet" });
});
