// SPDX-License-Identifier: Apache-2.0
//
// A gateway under paid load that reads its file anew five times a second, at two prices in turn, is told to
// stop in the middle, and is started again. The chain has the last word: nobody paid twice, nobody
// paid for nothing, and the books agree to the unit.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { FAST, brief, isServed, rewriteConfig } from "../lib/gw_kit.mjs";
import { House } from "../lib/house.mjs";
import { exactPayment } from "../lib/payments.mjs";
import { sendPaid, startUpstream, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startFacilitator, startGateway } from "../lib/x402bin.mjs";

const BUYERS = 24;
const LOAD_MS = 8000;
const PRICES = ["$0.001", "$0.002"];
const house = new House();
let world, chain, upstream;

before(async () => {
  world = await house.add(startWorld({ payers: 2 * BUYERS, dollars: 10 }));
  chain = new Chain(world);
  upstream = await house.add(startUpstream(async (request, response) => {
    await sleep(20);
    response.end(`SECRET ${request.url}`);
  }));
});

after(() => house.close());

// Buys one thing after the other until told to stop. Each purchase is written down before it is sent.
async function buy(gateway, payer, ledger, control) {
  for (let i = 0; !control.isOver; ++i) {
    const path = `/item/${payer.name}/${i}`;
    try {
      const unpaid = await wireRequest(gateway.url + path, { agent: false });
      if (unpaid.status !== 402) {
        assert.equal(unpaid.status, 503, brief(unpaid));
        return;
      }
      const [offer] = unpaid.required.accepts;
      const purchase = { payer, path, payment: await exactPayment(payer, offer), answers: [] };
      ledger.push(purchase);
      purchase.answers.push(await sendPaid(gateway.url + path, purchase.payment, { agent: false }));
    } catch (error) {
      if (!["ECONNRESET", "ECONNREFUSED", "EPIPE"].includes(error.code)) throw error;
      if (control.isOver || control.isStopping) return;
      throw error;
    }
  }
}

async function storm(options) {
  const parts = new House();
  try {
    const gateway = await startGateway(world, options);
    const ledger = [];
    const control = { isOver: false, isStopping: false };
    const payers = options.payers;
    const before = await chain.balanceOf(world.accounts.merchant.address);
    const buyers = payers.map((payer) => buy(gateway, payer, ledger, control));
    const until = performance.now() + LOAD_MS;
    for (let i = 0; performance.now() < until; ++i) {
      rewriteConfig(world, gateway, { ...options, routes: [paidRoute(world, { match: "GET /item/:who/:what",
        price: PRICES[i % 2] })] });
      process.kill(gateway.pid, "SIGHUP");
      await sleep(200);
    }
    control.isStopping = true;
    assert.deepEqual(await gateway.stop({ graceMs: 30_000 }), { code: 0, signal: null },
      "it drains and ends by itself");
    control.isOver = true;
    await Promise.all(buyers);
    const again = await parts.add(startGateway(world, { ...options, dir: gateway.dir, listen: gateway.info.listen,
      routes: [paidRoute(world, { match: "GET /item/:who/:what" })] }));
    await judge(again, ledger, payers, before);
  } finally {
    await parts.close();
  }
}

// Every purchase is compared with the chain; those without an answer are asked for again.
async function judge(gateway, ledger, payers, before) {
  assert.ok(ledger.length > 2 * BUYERS, `only ${ledger.length} purchases: no load`);
  const transfers = new Map();
  let moved = 0n;
  for (const payer of payers) {
    for (const used of await chain.authorizationsUsed({ authorizer: payer.address })) {
      assert.ok(!transfers.has(used.nonce), "an authorization that was used twice");
      transfers.set(used.nonce, used);
    }
    const paid = await chain.transfers({ from: payer.address });
    moved += paid.reduce((sum, { value }) => sum + value, 0n);
  }
  let owed = 0n;
  let [served, resent, refused] = [0, 0, 0];
  for (const purchase of ledger) {
    const { authorization } = purchase.payment.payload;
    const isPaid = transfers.has(authorization.nonce);
    let answer = purchase.answers.find(isServed);
    if (answer) served += 1;
    for (const each of purchase.answers) assert.ok(each.status < 500 || each.status === 503, brief(each));
    if (isPaid) owed += BigInt(authorization.value);
    if (isPaid && !answer) {
      resent += 1;
      answer = await eventually(async () => {
        const got = await sendPaid(gateway.url + purchase.path, purchase.payment);
        assert.notEqual(got.status, 402, `paid and refused: ${brief(got)}`);
        return got.status === 200 && got;
      }, { what: "the answer of a paid request" });
    }
    if (!isPaid) refused += 1;
    assert.equal(Boolean(answer), isPaid, `served ${Boolean(answer)}, paid ${isPaid}: ${purchase.answers.map(brief)}`);
    if (answer) {
      assert.ok(answer.body.startsWith(`SECRET ${purchase.path}`), "one's own answer and nobody else's");
      assert.equal(answer.settlement.transaction, transfers.get(authorization.nonce).transaction);
    }
  }
  assert.equal(transfers.size, ledger.length - refused, "no transfer that nobody asked for");
  assert.equal(moved, owed, "what left the payers is what they signed");
  assert.equal((await chain.balanceOf(world.accounts.merchant.address)) - before, owed, "and what the merchant got");
  assert.ok(served > BUYERS, `${served} served, ${resent} asked for again, ${refused} not paid of ${ledger.length}`);
}

// Fails when a reload forgets a grant, a drain cuts a settlement off from its record, or a start loses one.
test("SIGHUP every 200 ms and SIGTERM under paid load, the facilitator inside: no payment lost or doubled", () =>
  storm({ upstream: upstream.url, network: FAST, payers: world.payers.slice(0, BUYERS),
    signers: [world.accounts.facilitator1, world.accounts.facilitator2],
    routes: [paidRoute(world, { match: "GET /item/:who/:what" })] }));

test("the same with a facilitator of its own, settled before the work", async () => {
  const facilitator = await house.add(startFacilitator(world, { network: FAST,
    signers: [world.accounts.facilitator3] }));
  const settle = "before";
  await storm({ upstream: upstream.url, facilitators: [facilitator.url], payers: world.payers.slice(BUYERS),
    routes: [paidRoute(world, { match: "GET /item/:who/:what", settle })] });
});
