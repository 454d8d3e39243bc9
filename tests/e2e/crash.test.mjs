// SPDX-License-Identifier: Apache-2.0
//
// The facilitator is killed with SIGKILL while 64 settlements are in flight, and started again on its store. Every
// payment that its journal knows must end with exactly one transfer, and every repeat must be told which.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { askFacilitator, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { startFacilitator } from "../lib/x402bin.mjs";

const COUNT = 64;
const AMOUNT = 1000n;

let world, chain;

before(async () => {
  world = await startWorld({ payers: COUNT, facilitators: 2, blockTime: 1 });
  chain = new Chain(world);
});

after(() => world?.stop());

function signAll() {
  const requirements = exactRequirements(world, { payTo: world.accounts.merchant.address });
  return Promise.all(world.payers.map((payer) => exactPayment(payer, requirements)));
}

async function askQuietly(url, payment) {
  try {
    return await askFacilitator(url, "settle", payment);
  } catch (error) {
    return { status: 0, body: { error: String(error) } };
  }
}

test("killed with 64 settlements in flight, it pays each once and names each transaction", async () => {
  const signers = [world.accounts.facilitator1, world.accounts.facilitator2];
  const first = await startFacilitator(world, { signers });
  const payments = await signAll();
  const before = await chain.balanceOf(world.accounts.merchant.address);
  const asked = payments.map((payment) => askQuietly(first.url, payment));
  // The kill comes while transactions are in the pool: the first block is at most a second away.
  await eventually(async () => (await chain.client.getTransactionCount({ address: signers[0].address, blockTag: "pending" })) > 0,
    { deadlineMs: 10_000, everyMs: 5, what: "a first transaction" });
  await first.kill();
  const cut = (await Promise.all(asked)).filter(({ status }) => status === 0);
  assert.equal(cut.length, COUNT, "every settlement was in flight");

  const second = await startFacilitator(world, { signers, dir: first.dir, listen: first.info.listen });
  try {
    const repeats = await Promise.all(payments.map((payment) => settledAnswer(second.url, payment)));
    const transfers = await chain.transfers({ to: world.accounts.merchant.address });
    assert.equal(transfers.length, COUNT);
    for (const [i, payment] of payments.entries()) {
      const mine = transfers.filter(({ from }) => from === payment.payload.authorization.from);
      assert.equal(mine.length, 1, `payment ${i} moved ${mine.length} times`);
      assert.equal(repeats[i].transaction, mine[0].transaction);
    }
    const after = await chain.balanceOf(world.accounts.merchant.address);
    assert.equal(after - before, AMOUNT * BigInt(COUNT));
  } finally {
    await second.stop();
  }
});

// Repeats the same payment until it is judged; a pending answer is repeated unchanged.
async function settledAnswer(url, payment) {
  return eventually(async () => {
    const { status, body } = await askFacilitator(url, "settle", payment);
    if (status === 503) return null;
    assert.equal(status, 200, JSON.stringify(body));
    if (body.errorReason === "settlement_pending") return null;
    assert.ok(body.success || body.errorReason === "duplicate_settlement", JSON.stringify(body));
    assert.ok(body.transaction, JSON.stringify(body));
    return body;
  }, { deadlineMs: 60_000, everyMs: 200, what: "a judged repeat" });
}
