// SPDX-License-Identifier: Apache-2.0
//
// Mixed traffic for SOAK_SECONDS (`make soak`: an hour; in `make test` a few seconds, so that the
// traffic itself is known to work). Every call is answered as it must be, one transfer for each
// payment, and with an hour to look at, memory and descriptors are flat.

import assert from "node:assert/strict";
import { test } from "node:test";
import { houseOf } from "../lib/house.mjs";
import { drift, runTraffic, startHouse } from "./traffic.mjs";

const SECONDS = Number(process.env.SOAK_SECONDS ?? 12);
const LONG_S = 600;
const MIB = 1024 * 1024;

test(`${SECONDS} s of mixed traffic`, { timeout: (SECONDS + 120) * 1000 }, async (t) => {
  const parts = await startHouse(houseOf(t));
  const tell = (seconds, { done, paid, looks }) =>
    console.log(`${seconds} s: ${done} calls, ${paid} paid, ${JSON.stringify(looks.gateway.at(-1))}`);
  const state = await runTraffic(parts, { seconds: SECONDS, tell });
  const moved = await parts.chain.balanceOf(parts.world.accounts.merchant.address);
  t.diagnostic(`${state.done} calls, ${state.paid} of them paid`);
  assert.ok(state.paid > SECONDS, "hardly anything was paid");
  assert.equal(moved, BigInt(state.paid) * 1000n, "one transfer for each payment");
  for (const role of ["gateway", "facilitator"]) {
    const { memory, files, bytes } = drift(state.looks[role]);
    t.diagnostic(`${role}: ${(bytes / MIB).toFixed(1)} MiB, ${(memory / MIB).toFixed(2)} MiB and ${files} files more`);
    if (SECONDS < LONG_S) continue;
    assert.ok(memory < 4 * MIB, `the memory of the ${role} grows`);
    assert.ok(Math.abs(files) <= 4, `the ${role} keeps descriptors`);
  }
});
