// SPDX-License-Identifier: Apache-2.0
//
// `x402 pay` when no answer came before the payment expired: now the chain decides, by what is
// final there. Unused is failed and may be paid anew; taken is sent once more for its answer, which
// stays owed until the seller gives it or says no. Nothing is signed again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { houseOf } from "../lib/house.mjs";
import { askFacilitator, encodeHeader, exactRequirements } from "../lib/payments.mjs";
import { requiredOf, respond402, startSeller } from "../lib/seller.mjs";
import { newFolder, startFacilitator, x402Pay } from "../lib/x402bin.mjs";

const SECONDS = 8; // how long the seller lets a payment be valid

// A world of its own, because making things final moves the chain's clock ahead for good.
async function setting(t, paid) {
  const house = houseOf(t);
  const world = await house.add(startWorld({ payers: 1 }));
  const [payer] = world.payers;
  const terms = exactRequirements(world, { payTo: world.accounts.merchant.address, maxTimeoutSeconds: SECONDS });
  const unpaid = (_request, response) => respond402(response, requiredOf([terms]));
  const seller = await house.add(startSeller({ unpaid, paid: paid(world, house) }));
  const home = newFolder("home");
  return { world, seller, chain: new Chain(world), pay: () => x402Pay(world, seller.url, { payer, home }) };
}

async function expire({ world, seller }) {
  const until = Number(seller.payments[0].payload.authorization.validBefore) * 1000;
  await world.mine(80, 1); // final, and the chain's clock is behind the end
  await eventually(() => Date.now() > until, { deadlineMs: 12_000, what: "the end of the payment" });
}

test("after the end the chain decides", { concurrency: 3 }, async (t) => {
  const unused = t.test("unused: failed, and the next run may pay anew", async (inner) => {
    const where = await setting(inner, (world, house) => {
      const facilitator = house.add(startFacilitator(world, { network: { poll: "20ms" } }));
      return async (request, response, payment, count) => {
        if (count <= 1 || where.seller.headers[0] === where.seller.headers.at(-1)) return request.socket.destroy();
        const { body } = await askFacilitator((await facilitator).url, "settle", payment);
        response.writeHead(200, { "payment-response": encodeHeader(body) }).end("bought");
      };
    });
    const first = await where.pay();
    assert.deepEqual([first.code, first.results[0].outcome], [3, "unknown"], first.stdout);
    await expire(where);
    const second = await where.pay();
    assert.equal(new Set(where.seller.headers).size, 2, "the first can never be taken: a new one was signed");
    // The chain's clock is ahead by now, so a facilitator may call the second expired; but nobody is charged twice.
    assert.ok([0, 1, 3].includes(second.code), second.stdout);
    assert.ok((await where.chain.transfers({})).filter(({ from }) =>
        from === where.world.payers[0].address).length <= 1);
  });
  const taken = t.test("taken: exit 1, its answer stays owed until the seller says no, nothing signed anew", async (inner) => {
    let settled;
    let no = false;
    const where = await setting(inner, (world, house) => {
      const facilitator = house.add(startFacilitator(world, { network: { poll: "20ms" } }));
      return async (request, response, payment) => {
        settled ??= askFacilitator((await facilitator).url, "settle", payment);
        await settled;
        if (no) return respond402(response, requiredOf([payment.accepted]));
        request.socket.destroy();
      };
    });
    assert.equal((await where.pay()).code, 3);
    const { transaction } = (await settled).body;
    assert.ok(transaction);
    await expire(where);
    for (const end of ["answer_owed", "answer_owed", "settled_undelivered"]) {
      no = end === "settled_undelivered";
      const { code, results, stdout } = await where.pay();
      assert.deepEqual([code, results[0].outcome, results[0].payment?.transaction], [1, "settled", transaction], stdout);
      assert.deepEqual([results[0].error.code, results[0].proven, results[0].attempts], [end, true, 1]);
    }
    assert.equal(new Set(where.seller.headers).size, 1);
    assert.equal((await where.chain.transfers({ from: where.world.payers[0].address })).length, 1);
  });
  const kept = t.test("taken, and the seller still has the answer: exit 0, nothing signed anew", async (inner) => {
    let settled;
    let back = false;
    const where = await setting(inner, (world, house) => {
      const facilitator = house.add(startFacilitator(world, { network: { poll: "20ms" } }));
      return async (request, response, payment) => {
        settled ??= askFacilitator((await facilitator).url, "settle", payment);
        const { body } = await settled;
        if (!back) return request.socket.destroy();
        response.writeHead(200, { "payment-response": encodeHeader(body) }).end("kept for you");
      };
    });
    assert.equal((await where.pay()).code, 3);
    await expire(where);
    const before = where.seller.headers.length;
    back = true;
    const { code, results, stdout } = await where.pay();
    const { transaction } = (await settled).body;
    assert.deepEqual([code, results[0].outcome, results[0].body], [0, "settled", "kept for you"], stdout);
    assert.deepEqual([results[0].payment.transaction, results[0].proven, results[0].attempts], [transaction, true, 1]);
    assert.equal(where.seller.headers.length, before + 1);
    assert.equal(new Set(where.seller.headers).size, 1);
    assert.equal((await where.chain.transfers({ from: where.world.payers[0].address })).length, 1);
  });
  await Promise.all([unused, taken, kept]);
});
