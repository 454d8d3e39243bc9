// SPDX-License-Identifier: Apache-2.0
//
// The thinnest whole: a chain, a facilitator, a gateway before an API, and one call that is paid for. What
// `make check` runs.

import { test } from "node:test";
import assert from "node:assert/strict";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { startFacilitator, startGateway, x402Pay } from "../lib/x402bin.mjs";
import { startSampleApi } from "../interop/roles.mjs";

test("an agent pays a gateway's API through a facilitator", async (t) => {
  const world = await startWorld();
  t.after(() => world.stop());
  const api = await startSampleApi();
  t.after(() => api.stop());
  const facilitator = await startFacilitator(world);
  t.after(() => facilitator.stop());
  const gateway = await startGateway(world, { upstream: api.info.url, facilitators: [facilitator.url] });
  t.after(() => gateway.stop());
  const chain = new Chain(world);
  const payer = world.payers[0];
  const before = await chain.balanceOf(payer.address);

  const paid = await x402Pay(world, `${gateway.url}/weather`, { payer });

  assert.equal(paid.code, 0, `${paid.stdout}\n${paid.stderr}`);
  const [result] = paid.results;
  assert.equal(result.status, 200);
  assert.equal(result.outcome, "settled");
  assert.equal(before - (await chain.balanceOf(payer.address)), 1000n);
  assert.equal(await chain.balanceOf(world.accounts.merchant.address), 1000n);
  const [transfer] = await chain.transfers({ from: payer.address });
  assert.equal(result.payment.transaction, transfer.transaction);
});
