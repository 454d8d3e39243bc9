// SPDX-License-Identifier: Apache-2.0
//
// Sellers that settle a payment and then lose, cut, deny or forget their answer. Whatever they say,
// a request costs the payer at most one transfer, and what is sent again is the payment that was sent
// before, byte for byte.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { House, houseOf } from "../lib/house.mjs";
import { Shop, distinct, receiptHeader, told } from "../lib/pay_kit.mjs";
import { requiredOf, respond402 } from "../lib/seller.mjs";

const house = new House();
let shop;

before(async () => (shop = await Shop.open(house, { payers: 16 })));
after(() => house.close());

const again402 = (response) => respond402(response, requiredOf([{ ...shop.terms, amount: "900" }]));
const bought = (response, settlement) => response.writeHead(200, receiptHeader(settlement)).end("bought");

// Sellers whose first answer is bad and whose later ones are good.
const FIRST = {
  "the connection is reset": (request) => request.socket.destroy(),
  "a bare 502": (_request, response) => response.writeHead(502).end("bad gateway"),
  "a 502 beside the receipt": (_request, response, settlement) =>
    response.writeHead(502, receiptHeader(settlement)).end("bad gateway"),
  "a 402 beside the receipt": (_request, response, settlement) => {
    const required = requiredOf([shop.terms]);
    response.writeHead(402, receiptHeader(settlement)).end(JSON.stringify(required));
  },
  "a body cut in the middle": (_request, response, settlement) => {
    response.writeHead(200, { ...receiptHeader(settlement), "content-length": "1000" });
    response.write("bou", () => response.destroy());
  },
  "a head that is no HTTP": (request) => request.socket.end("HTTP/1.1 2oo Fine\r\n\r\n"),
};

for (const [name, first] of Object.entries(FIRST)) {
  test(`attack 11: settled, then ${name}: the same payment is sent again, one transfer`, async (t) => {
    const customer = shop.customer();
    const seller = await shop.seller(houseOf(t), { paid: async (request, response, payment, count) => {
      const settlement = await shop.settle(payment);
      return count === 1 ? first(request, response, settlement) : bought(response, settlement);
    } });
    const got = await customer.pay(seller.url);
    assert.deepEqual([got.code, got.results[0].outcome, got.results[0].body], [0, "settled", "bought"], got.stdout);
    assert.deepEqual([seller.headers.length, distinct(seller)], [2, 1]);
    assert.equal((await customer.transfers()).length, 1);
  });
}

test("attack 11: settled and never answered: unknown, exit 3, and the next run sends the same", async (t) => {
  const customer = shop.customer();
  let silent = true;
  const seller = await shop.seller(houseOf(t), { paid: async (request, response, payment) => {
    const settlement = await shop.settle(payment);
    return silent ? request.socket.destroy() : bought(response, settlement);
  } });
  assert.deepEqual(told(await customer.pay(seller.url)).slice(0, 2), [3, "unknown"]);
  silent = false;
  assert.deepEqual(told(await customer.pay(seller.url)).slice(0, 2), [0, "settled"]);
  assert.equal(distinct(seller), 1);
  assert.equal((await customer.transfers()).length, 1);
});

test("attack 11: settled in secret, then 402 upon 402: run after run one payment, one transfer", async (t) => {
  const customer = shop.customer();
  const seller = await shop.seller(houseOf(t), { paid: async (_request, response, payment) => {
    await shop.settle(payment);
    return again402(response);
  } });
  for (let run = 0; run < 3; ++run) {
    const got = await customer.pay(seller.url);
    assert.notEqual(got.code, 0);
    assert.ok(["failed", "unknown"].includes(got.results[0].outcome));
  }
  assert.deepEqual(told(await customer.pay(seller.url, { args: ["--new"] })), [4, "refused", "earlier_usable"]);
  assert.equal(distinct(seller), 1);
  assert.equal((await customer.transfers()).length, 1);
  const elsewhere = await customer.pay(`${seller.url}/other`, { args: ["--budget", "$0.0015/day"] });
  assert.deepEqual(told(elsewhere), [4, "refused", "over_budget"], "what was denied stays spent");
});

test("attack 11: a 200 that is cut, then 402: unknown, never a second payment", async (t) => {
  const customer = shop.customer();
  const seller = await shop.seller(houseOf(t), { paid: async (_request, response, payment, count) => {
    const settlement = await shop.settle(payment);
    if (count > 1) return again402(response);
    response.writeHead(200, { ...receiptHeader(settlement), "content-length": "1000" });
    return response.write("bou", () => response.destroy());
  } });
  const got = await customer.pay(seller.url);
  assert.deepEqual(told(got).slice(0, 2), [3, "unknown"], got.stdout);
  assert.equal(distinct(seller), 1);
  await customer.pay(seller.url);
  assert.equal(distinct(seller), 1);
  assert.equal((await customer.transfers()).length, 1);
});

test("attack 11: settled, then redirected to nowhere: unknown, the amount stays spent", async (t) => {
  const customer = shop.customer();
  const own = houseOf(t);
  const seller = await shop.seller(own, { paid: async (request, response, payment) => {
    if (request.url === "/gone") return request.socket.destroy();
    await shop.settle(payment);
    // Nobody listens any more when the payer comes to the place that it was sent to.
    response.writeHead(307, { location: "/gone", connection: "close" }).end();
    return seller.stop();
  } });
  const got = await customer.pay(seller.url);
  assert.deepEqual(told(got).slice(0, 2), [3, "unknown"], got.stdout);
  assert.equal(distinct(seller), 1);
  const [entry] = await customer.history();
  assert.notEqual(entry.outcome, "failed");
  assert.equal((await customer.transfers()).length, 1);
});

test("attack 11: a payment follows no redirect to another origin", async (t) => {
  const customer = shop.customer();
  const own = houseOf(t);
  const thief = await shop.seller(own, {});
  const seller = await shop.seller(own, { paid: (_request, response) =>
    response.writeHead(307, { location: `${thief.url}/collect` }).end() });
  const got = await customer.pay(seller.url);
  assert.notEqual(got.code, 0);
  assert.deepEqual([thief.seen.length, distinct(seller)], [0, 1]);
  const elsewhere = await customer.pay(`${thief.url}/other`, { args: ["--budget", "$0.0015/day"] });
  assert.deepEqual(told(elsewhere), [4, "refused", "over_budget"], "the seller that redirected holds the payment");
});
