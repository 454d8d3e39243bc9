// SPDX-License-Identifier: Apache-2.0
//
// `x402 pay` at a seller that has taken the money and is short of room for the answer: 503 with
// Retry-After and a PAYMENT-RESPONSE of success, as a full gateway says it. The run gives up with
// exit 1, and the next one gets the answer for the same payment; only a no closes it without.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { askFacilitator, encodeHeader, exactRequirements } from "../lib/payments.mjs";
import { requiredOf, respond402, startSeller } from "../lib/seller.mjs";
import { newFolder, startFacilitator, x402, x402Pay } from "../lib/x402bin.mjs";

const house = new House();
let world, chain, facilitator;

before(async () => {
  world = await house.add(startWorld({ payers: 2 }));
  chain = new Chain(world);
  facilitator = await house.add(startFacilitator(world, { network: { poll: "20ms" } }));
});

after(() => house.close());

// reply(response, word) answers what was paid for; word: the PAYMENT-RESPONSE of its settlement.
async function shop(t, payer) {
  const terms = exactRequirements(world, { payTo: world.accounts.merchant.address });
  const settled = new Map(); // by payment: one that comes again is not settled again
  const shop = { reply: full, sends: () => shop.seller.headers };
  const paid = async (_request, response, payment) => {
    const { nonce } = payment.payload.authorization;
    if (!settled.has(nonce)) settled.set(nonce, askFacilitator(facilitator.url, "settle", payment));
    const { body } = await settled.get(nonce);
    return shop.reply(response, encodeHeader(body));
  };
  const unpaid = (_request, response) => respond402(response, requiredOf([terms]));
  shop.seller = await houseOf(t).add(startSeller({ unpaid, paid }));
  const home = newFolder("home");
  shop.pay = (...args) => x402Pay(world, shop.seller.url, { payer, home, args });
  shop.transfers = () => chain.transfers({ from: payer.address });
  shop.history = async () => {
    const { stdout } = await x402(["wallet", "history", "--json", "--home", home]);
    return stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  };
  return shop;
}

const full = (response, word) => response.writeHead(503, { "retry-after": "1", "payment-response": word }).end();
const kept = (response, word) => response.writeHead(200, { "payment-response": word }).end("kept for you");
const used = (response) => response.writeHead(409, { "content-type": "application/json" })
  .end(JSON.stringify({ error: { code: "payment_already_used" } }));

function checkOwed({ code, results: [result], stdout }, transaction) {
  assert.deepEqual([code, result.outcome, result.attempts, result.error.code], [1, "settled", 4, "answer_owed"], stdout);
  assert.match(result.error.message, /was taken/);
  assert.match(result.error.next, /the same payment is sent again/);
  if (transaction) assert.equal(result.payment.transaction, transaction);
  return result.payment.transaction;
}

test("the answer that did not come in the run that paid comes in a later one", async (t) => {
  const where = await shop(t, world.payers[0]);
  const transaction = checkOwed(await where.pay());
  checkOwed(await where.pay(), transaction);
  const early = await where.pay("--new");
  assert.deepEqual([early.code, early.results[0].error.code], [4, "answer_owed"], early.stdout);
  assert.match(early.results[0].error.message, /was taken/);
  assert.equal(where.sends().length, 8, "--new sends nothing while the first could be taken");
  where.reply = kept;
  const { code, results, stdout } = await where.pay();
  assert.deepEqual([code, results[0].body, results[0].payment.transaction], [0, "kept for you", transaction], stdout);
  assert.equal(new Set(where.sends()).size, 1, "one payment, however often it was sent");
  assert.equal((await where.transfers()).length, 1);
  assert.deepEqual((await where.history()).map(({ outcome, delivered }) => [outcome, delivered]), [["settled", true]]);
});

test("a seller that has nothing more to give for it closes it; then the next run pays anew", async (t) => {
  const where = await shop(t, world.payers[1]);
  const transaction = checkOwed(await where.pay());
  where.reply = used;
  const { code, results, stdout } = await where.pay();
  assert.deepEqual([code, results[0].outcome, results[0].error.code], [1, "settled", "settled_undelivered"], stdout);
  assert.equal(results[0].payment.transaction, transaction);
  assert.equal((await where.transfers()).length, 1);
  where.reply = kept;
  assert.equal((await where.pay()).code, 0);
  assert.equal((await where.transfers()).length, 2);
});
