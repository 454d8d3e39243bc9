// SPDX-License-Identifier: Apache-2.0
//
// Offers that a payer must not accept. Each is refused by policy, exit 4, with a code and a sentence,
// and with zero signatures: no payment reaches the seller, none stands in the journal.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { House, houseOf } from "../lib/house.mjs";
import { Shop, assertUnsigned, distinct, receiptHeader, told } from "../lib/pay_kit.mjs";
import { requiredOf, respond402 } from "../lib/seller.mjs";

const house = new House();
let shop, euro;

before(async () => {
  shop = await Shop.open(house, { payers: 16 });
  euro = await shop.world.deployToken("TestUsd", "EURC");
});
after(() => house.close());

const ROWS = {
  "an amount in units of 18 decimals": () => [{ amount: "1000000000000000" }, "over_limit"],
  "decimals that the offer itself tells": () =>
    [{ amount: "1000000000000000", extra: { ...shop.terms.extra, decimals: 18 } }, "over_limit"],
  "a token that nobody knows": () => [{ asset: euro, extra: { name: "EURC", version: "2" } }, "unknown_asset"],
  "that token under the name of USDC": () => [{ asset: euro, extra: { name: "USDC", version: "2" } }, "unknown_asset"],
  "the token's address on another chain": () => [{ network: "eip155:8453" }, "unknown_asset"],
  "a chain that nobody knows": () => [{ network: "eip155:424242" }, "unknown_asset"],
  "a family of chains that nobody knows": () => [{ network: "gold:bars" }, "unsupported_network"],
};

for (const [name, row] of Object.entries(ROWS)) {
  test(`attack 31: ${name} is refused unsigned`, async (t) => {
    const [change, code] = row();
    const customer = shop.customer();
    const seller = await shop.seller(houseOf(t), { unpaid: [{ ...shop.terms, ...change }] });
    await assertUnsigned(customer, seller, await customer.pay(seller.url), code);
  });
}

async function honestUntil(t, customer) {
  const state = { offer: shop.terms };
  const seller = await shop.seller(houseOf(t), {
    unpaid: (_request, response) => respond402(response, requiredOf([state.offer])),
    paid: async (_request, response, payment) =>
      response.writeHead(200, receiptHeader(await shop.settle(payment))).end("bought"),
  });
  assert.equal((await customer.pay(`${seller.url}/item?visit=1`)).code, 0);
  return { seller, state };
}

test("attack 31: a recipient that changed since the last visit is refused unsigned", async (t) => {
  const customer = shop.customer();
  const { seller, state } = await honestUntil(t, customer);
  state.offer = { ...shop.terms, payTo: shop.world.accounts.facilitator4.address };
  const got = await customer.pay(`${seller.url}/item?visit=2`);
  assert.deepEqual(told(got), [4, "refused", "pay_to_changed"], got.stdout);
  assert.deepEqual([distinct(seller), (await customer.transfers()).length], [1, 1]);
  state.offer = { ...shop.terms, payTo: shop.terms.payTo.toLowerCase() };
  assert.equal((await customer.pay(`${seller.url}/item?visit=3`)).code, 0, "the same address in another spelling");
});

test("attack 31: a redirect to another host that then asks for money is refused unsigned", async (t) => {
  const own = houseOf(t);
  const customer = shop.customer();
  const other = await shop.seller(own, {});
  for (const status of [301, 302, 303, 307, 308]) {
    const seller = await shop.seller(own, { unpaid: (_request, response) =>
      response.writeHead(status, { location: other.url }).end() });
    await assertUnsigned(customer, other, await customer.pay(seller.url, { args: ["--allow-host", "127.0.0.1"] }),
        "redirected_402");
    assert.equal(seller.headers.length, 0);
  }
});

test("attack 31: redirected there and back, the 402 still counts as a stranger's", async (t) => {
  const own = houseOf(t);
  const customer = shop.customer();
  const other = await shop.seller(own, { unpaid: (_request, response) =>
    response.writeHead(302, { location: `${seller.url}/back` }).end() });
  const seller = await shop.seller(own, { unpaid: (request, response) =>
    request.url === "/back" ? respond402(response, requiredOf([shop.terms]))
      : response.writeHead(302, { location: other.url }).end() });
  const got = await customer.pay(seller.url, { args: ["--allow-host", "127.0.0.1"] });
  await assertUnsigned(customer, seller, got, "redirected_402");
});

test("attack 31: a host that looks like one that was paid is refused unsigned", async (t) => {
  const customer = shop.customer();
  const { seller } = await honestUntil(t, customer);
  const at = (host) => seller.url.replace("127.0.0.1", host);
  const first = await customer.pay(at("shop.localhost"));
  assert.equal(first.code, 0, first.stdout + first.stderr);
  const paid = seller.headers.length;
  for (const fake of ["sh0p.localhost", "sh-op.localhost", "sh_op.localhost"]) {
    const got = await customer.pay(at(fake));
    assert.deepEqual(told(got), [4, "refused", "lookalike_host"], got.stdout);
    assert.match(got.results[0].error.message, /shop\.localhost/);
    assert.equal(seller.headers.length, paid, fake);
  }
  assert.equal((await customer.pay(at("sh0p.localhost"), { args: ["--allow-host", "sh0p.localhost"] })).code, 0);
});
