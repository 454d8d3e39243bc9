// SPDX-License-Identifier: Apache-2.0
//
// Sellers that want to be paid again and again: fresh offers after every payment, deliveries of
// nothing, receipts for nothing. One logical request makes at most one payment, and the report says
// what is known.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { House, houseOf } from "../lib/house.mjs";
import { Shop, distinct, receiptHeader, told } from "../lib/pay_kit.mjs";
import { requiredOf, respond402 } from "../lib/seller.mjs";

const house = new House();
let shop;

before(async () => (shop = await Shop.open(house)));
after(() => house.close());

test("attack 33: endless fresh 402s, each cheaper than the last: one payment, and a report", async (t) => {
  const customer = shop.customer();
  let price = 1000;
  const fresh = (_request, response) => respond402(response, requiredOf([{ ...shop.terms, amount: `${price--}` }]));
  const seller = await shop.seller(houseOf(t), { unpaid: fresh, paid: fresh });
  const runs = [];
  for (let run = 0; run < 4; ++run) runs.push(await customer.pay(seller.url));
  for (const got of runs) {
    assert.equal(got.code, 1, got.stdout);
    assert.equal(got.results[0].error.code, "payment_refused");
    assert.equal(got.results[0].attempts, 1);
  }
  assert.equal(distinct(seller), 1, "one signature, however often the seller asks");
  assert.equal((await customer.history()).length, 1);
});

test("attack 33: 402 to 402 with every offer changed: the payment stays what it was", async (t) => {
  const customer = shop.customer();
  const thief = shop.world.accounts.facilitator4.address;
  const changes = [{ payTo: thief }, { amount: "1" }, { amount: "999999" }, { maxTimeoutSeconds: 86_000 },
    { extra: { ...shop.terms.extra, paymentFlow: "prepaid" } }];
  let count = 0;
  const seller = await shop.seller(houseOf(t), { paid: (_request, response) =>
    respond402(response, requiredOf([{ ...shop.terms, ...changes[count++ % changes.length] }])) });
  for (const _ of changes) assert.notEqual((await customer.pay(seller.url)).code, 0);
  assert.equal(distinct(seller), 1);
  assert.equal(seller.payments[0].payload.authorization.to, shop.terms.payTo);
  assert.equal(await shop.chain.balanceOf(thief), 0n);
});

test("attack 33: an empty 200 without a receipt is paid once, and told as unproven", async (t) => {
  const customer = shop.customer();
  const seller = await shop.seller(houseOf(t), { paid: (_request, response) => response.end() });
  const got = await customer.pay(seller.url);
  assert.deepEqual([got.results[0].outcome, got.results[0].proven, got.results[0].body], ["settled", false, ""]);
  assert.equal(distinct(seller), 1);
  const plain = await customer.plain(`${seller.url}/again`);
  assert.match(plain.stderr, /told nothing of a settlement/);
  const over = await customer.pay(`${seller.url}/third`, { args: ["--budget", "$0.0025/day"] });
  assert.deepEqual(told(over), [4, "refused", "over_budget"], "what may have been taken counts");
});

test("attack 33: a receipt for a transaction that never was is told, never called proven", async (t) => {
  const customer = shop.customer();
  const settlement = { success: true, transaction: `0x${"ab".repeat(32)}`, network: shop.world.network,
    payer: customer.payer.address, amount: "999999999999" };
  const seller = await shop.seller(houseOf(t), { paid: (_request, response) =>
    response.writeHead(200, receiptHeader(settlement)).end() });
  const got = await customer.pay(seller.url);
  assert.deepEqual([got.results[0].outcome, got.results[0].proven], ["settled", false]);
  const plain = await customer.plain(`${seller.url}/again`);
  assert.match(plain.stderr, /^x402: paid 0\.001 USDC /, "never more than was signed");
  assert.equal((await customer.transfers()).length, 0);
});

test("attack 33: a success told beside a 402 is no delivery: settled, exit 1, one payment", async (t) => {
  const customer = shop.customer();
  const seller = await shop.seller(houseOf(t), { paid: async (_request, response, payment) => {
    const settlement = await shop.settle(payment);
    response.writeHead(402, receiptHeader(settlement)).end(JSON.stringify(requiredOf([shop.terms])));
  } });
  const got = await customer.pay(seller.url);
  assert.deepEqual(told(got).slice(0, 2), [1, "settled"], got.stdout);
  assert.equal(distinct(seller), 1);
  assert.equal((await customer.transfers()).length, 1);
});

test("attack 33: a seller that says 'wait' for ever is not waited for, and not paid again", async (t) => {
  const customer = shop.customer();
  let last = 0;
  const pending = { success: false, errorReason: "settlement_pending", transaction: "", network: shop.world.network };
  const seller = await shop.seller(houseOf(t), { paid: (_request, response, _payment, count) => {
    // A fourth answer ends it; until then each claims to be at work.
    if (count > 3) return respond402(response, requiredOf([shop.terms]));
    last = count;
    return response.writeHead(409, { ...receiptHeader(pending), "retry-after": "0" }).end("{}");
  } });
  const got = await customer.pay(seller.url);
  assert.deepEqual(told(got).slice(0, 2), [3, "unknown"], "a no after 'wait' is no proof");
  assert.equal(last, 3);
  assert.equal(distinct(seller), 1);
});
