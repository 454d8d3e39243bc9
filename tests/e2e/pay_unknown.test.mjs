// SPDX-License-Identifier: Apache-2.0
//
// A payment that has expired while no endpoint of its network answers: nobody knows, so its amount
// stays spent, the exit code stays 3 and nothing is signed until the payer says --new, which tells
// what that may mean. It makes no difference whether the seller was silent or had said no.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { Shop, distinct, receiptHeader, told } from "../lib/pay_kit.mjs";
import { requiredOf, respond402 } from "../lib/seller.mjs";
import { startUpstream } from "../lib/wire.mjs";
import { x402Pay } from "../lib/x402bin.mjs";

const house = new House();
let shop;

before(async () => (shop = await Shop.open(house)));
after(() => house.close());

const SELLERS = {
  "that was never answered": (request) => request.socket.destroy(),
  "that was denied": (_request, response) => respond402(response, requiredOf([shop.terms])),
};

async function expired(seller) {
  const until = Number(seller.payments[0].payload.authorization.validBefore) * 1000;
  await eventually(() => Date.now() > until, { deadlineMs: 30_000, what: "the end of the payment" });
}

test("expired, and no endpoint answers", { concurrency: 2 }, async (t) => {
  const rows = Object.entries(SELLERS).map(([name, bad]) => t.test(`a payment ${name}`, async (inner) => {
    const own = houseOf(inner);
    const { payer, home, transfers, history } = shop.customer();
    const asked = [];
    const mute = await own.add(startUpstream((request, _response, body) => {
      asked.push(body.toString());
      request.socket.destroy();
    }));
    let good = false;
    const seller = await shop.seller(own, { unpaid: [{ ...shop.terms, maxTimeoutSeconds: 15 }],
      paid: async (request, response, payment) => {
        if (!good) return bad(request, response);
        return response.writeHead(200, receiptHeader(await shop.settle(payment))).end("bought");
      } });
    // No answer from a network: x402Pay names the world's endpoint, so this world has a mute one.
    const away = { network: shop.world.network, rpc: mute.url };
    const pay = (url, ...args) => x402Pay(away, url, { payer, home, args });

    const first = await pay(seller.url);
    assert.ok([1, 3].includes(first.code), first.stdout);
    assert.deepEqual(told(await pay(seller.url, "--new")), [4, "refused", "earlier_usable"], "still usable");
    await expired(seller);
    good = true;
    const sent = seller.headers.length;
    for (const args of [[], ["-n", "3", "-c", "3"]]) {
      const got = await pay(seller.url, ...args);
      assert.deepEqual(told(got), [3, "unknown", "earlier_unknown"], got.stdout);
      assert.match(got.results[0].error.next, /--rpc|--new/);
      assert.ok(got.results.every(({ proven, outcome }) => !proven && outcome === "unknown"));
      // The endpoint that was asked is shown, without its path.
      assert.ok(got.results[0].notices.some((line) => line.includes(`asked ${away.network} at ${mute.url} `)),
        got.stdout);
    }
    assert.ok(asked.length > 0, "the chain was asked");
    assert.equal(seller.headers.length, sent, "what has expired is not sent, and nothing new is signed");
    const elsewhere = await pay(`${seller.url}/other`, "--budget", "$0.0015/day");
    assert.deepEqual(told(elsewhere), [4, "refused", "over_budget"], "its amount stays spent");

    const anew = await pay(seller.url, "--new");
    assert.deepEqual([anew.code, anew.results[0].outcome, anew.results[0].body], [0, "settled", "bought"], anew.stdout);
    assert.ok(anew.results[0].notices.some((line) => line.includes("may have been taken")), anew.stdout);
    assert.equal(distinct(seller), 2);
    assert.equal((await transfers()).length, 1);
    assert.deepEqual((await history()).map(({ outcome }) => outcome), ["settled", "unknown"]);
  }));
  await Promise.all(rows);
});
