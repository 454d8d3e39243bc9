// SPDX-License-Identifier: Apache-2.0
//
// One payment, one grant: what a payment header may look like, which offers it may accept, what is
// charged when the upstream fails or says too much, and who gets what when a payment comes again.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { House } from "../lib/house.mjs";
import { encodeHeader, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { metricSum, payFor, sendPaid, startUpstream, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startFacilitator, startGateway } from "../lib/x402bin.mjs";

const FAST = { poll: "20ms" };
const house = new House();
let world, chain, facilitator, upstream, gateway, payer, merchant;
let reply; // what the upstream does now: { status, body, hang, first }

async function answer(request, response) {
  const { status = 200, body = "SECRET", hang, first } = reply;
  if (hang) return; // until the gateway gives up
  await first?.();
  response.writeHead(status, { "content-type": "text/plain" });
  response.end(body);
}

before(async () => {
  world = await house.add(startWorld({ payers: 4 }));
  chain = new Chain(world);
  upstream = await house.add(startUpstream(answer));
  facilitator = await house.add(startFacilitator(world, { network: FAST }));
  const paid = (match, more) => paidRoute(world, { match, ...more });
  const routes = [
    paid("GET /a"), paid("GET /b"), paid("POST /a"), paid("GET /cheap", { price: "$0.0005" }),
    paid("GET /held", { max_held: "64KiB" }), paid("GET /first", { settle: "before" }),
    paid("GET /picky", { settle: { when: "status < 300" } }), paid("GET /slow", { upstream_timeout: "700ms" }),
    paid("GET /gone", { upstream: "http://127.0.0.1:9" }), paid("GET /short", { replay: "0s" }),
  ];
  gateway = await house.add(startGateway(world, {
    upstream: upstream.url, facilitators: [facilitator.url], routes, config: { pending_wait: "10s" } }));
  payer = world.payers[0];
  merchant = world.accounts.merchant.address;
});

beforeEach(() => (reply = {}));
after(() => house.close());

const at = (path) => `${gateway.url}${path}`;
const used = ({ payload: { authorization } }) => chain.isAuthorizationUsed(authorization.from, authorization.nonce);
const offerOf = async (path, method = "GET") => (await wireRequest(at(path), { method })).required.accepts[0];
const secret = ({ bytes }) => bytes.toString().includes("SECRET");

test("28: a payment header that cannot be read is 4xx, and nothing is asked or written", async (t) => {
  const payment = await exactPayment(payer, await offerOf("/a"));
  const good = encodeHeader(payment);
  const text = JSON.stringify(payment);
  const base64 = (value) => Buffer.from(value).toString("base64");
  const rows = {
    "no base64": "not base64 at all!",
    "base64 of no JSON": base64("hello"),
    "base64 of an array": base64("[]"),
    "base64 of null": base64("null"),
    "half of it": good.slice(0, good.length / 2),
    "a key twice": base64(text.replace('"x402Version":2', '"x402Version":2,"x402Version":2')),
    "10,000 levels": base64(`{"x402Version":2,"a":${"[".repeat(9000)}${"]".repeat(9000)}}`),
    "40 KiB": base64(JSON.stringify({ ...payment, more: "x".repeat(40_000) })),
    "an amount of 1e3": base64(text.replaceAll('"1000"', '"1e3"')),
    "bytes that are no UTF-8": Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]).toString("base64"),
  };
  for (const [name, header] of Object.entries(rows)) {
    await t.test(name, async () => {
      const got = await wireRequest(at("/a"), { headers: ["PAYMENT-SIGNATURE", header] });
      const want = header.length > 10_000 ? [413, "payload_too_large"] : [400, "malformed_payment"];
      assert.deepEqual([got.status, got.body.error.code], want);
      assert.equal(secret(got), false);
    });
  }
});

test("26: two payments in one request are 400 ambiguous_payment", async (t) => {
  const one = encodeHeader(await exactPayment(payer, await offerOf("/a")));
  const rows = {
    "the header twice": ["PAYMENT-SIGNATURE", one, "PAYMENT-SIGNATURE", one],
    "both versions": ["PAYMENT-SIGNATURE", one, "X-PAYMENT", one],
    "joined by a comma": ["PAYMENT-SIGNATURE", `${one}, ${one}`],
    "another spelling": ["PAYMENT-SIGNATURE", one, "payment-signature", one],
  };
  for (const [name, headers] of Object.entries(rows)) {
    await t.test(name, async () => {
      const got = await wireRequest(at("/a"), { headers });
      assert.equal(got.status, 400);
      assert.ok(["ambiguous_payment", "malformed_payment"].includes(got.body.error.code), got.body.error.code);
      assert.equal(secret(got), false);
    });
  }
});

test("30: an offer that was changed is not accepted", async (t) => {
  const offer = await offerOf("/a");
  const rows = {
    "cheaper": { amount: "999" },
    "another recipient": { payTo: payer.address },
    "another token": { asset: `0x${"56".repeat(20)}` },
    "another network": { network: "eip155:8453" },
    "another scheme": { scheme: "upto" },
    "a longer timeout": { maxTimeoutSeconds: 3000 },
    "another token name": { extra: { ...offer.extra, name: "Other" } },
  };
  for (const [name, change] of Object.entries(rows)) {
    await t.test(name, async () => {
      const payment = await exactPayment(payer, { ...offer, ...change });
      const got = await sendPaid(at("/a"), payment);
      assert.equal(got.status, 402, JSON.stringify(got.body));
      assert.ok(got.required.accepts.length > 0, "fresh offers");
      assert.equal(secret(got), false);
      assert.equal(await used(payment).catch(() => false), false);
    });
  }
  const lying = { ...(await exactPayment(payer, { ...offer, amount: "1" })), accepted: offer };
  const got = await sendPaid(at("/a"), lying);
  assert.equal(got.status, 402);
  assert.equal(secret(got), false);
});

test("a payment that was signed without our quote is good once, as the reference client's are", async () => {
  const terms = exactRequirements(world, { payTo: merchant });
  const payment = await exactPayment(payer, terms);
  const got = await sendPaid(at("/a"), payment);
  assert.equal(got.status, 200, JSON.stringify(got.body));
  const again = await sendPaid(at("/a"), payment);
  assert.deepEqual([again.status, secret(again)], [409, false]);
});

test("an answer too large to be held is 502, uncharged; the same payment buys a smaller one", async () => {
  reply = { body: "SECRET".repeat(20_000) };
  const refused = await payFor(at("/held"), payer);
  assert.deepEqual([refused.status, refused.body.error?.code], [502, "answer_too_large"]);
  assert.equal(await used(refused.payment), false);
  reply = { body: "SECRET small" };
  const paid = await sendPaid(at("/held"), refused.payment);
  assert.deepEqual([paid.status, paid.body], [200, "SECRET small"]);
  assert.equal(await used(refused.payment), true);
});

test("an upstream's failure passes and costs nothing; the same payment works afterwards", async (t) => {
  const rows = [["/a", 500], ["/a", 503], ["/a", 404], ["/a", 401], ["/picky", 302]];
  for (const [path, status] of rows) {
    await t.test(`${path} ${status}`, async () => {
      reply = { status, body: "no luck" };
      const failed = await payFor(at(path), payer);
      assert.deepEqual([failed.status, failed.body], [status, "no luck"]);
      assert.equal(failed.settlement, undefined);
      assert.equal(await used(failed.payment), false);
      reply = {};
      const paid = await sendPaid(at(path), failed.payment);
      assert.deepEqual([paid.status, paid.settlement.success], [200, true]);
    });
  }
});

test("an upstream that is dead or slow is 502 or 504, uncharged", async () => {
  const dead = await payFor(at("/gone"), payer);
  assert.deepEqual([dead.status, dead.body.error.code], [502, "upstream_unreachable"]);
  assert.equal(await used(dead.payment), false);
  reply = { hang: true };
  const slow = await payFor(at("/slow"), payer);
  assert.deepEqual([slow.status, slow.body.error.code], [504, "upstream_timeout"]);
  assert.equal(await used(slow.payment), false);
  reply = {};
  assert.equal((await sendPaid(at("/slow"), slow.payment)).status, 200);
});

test("settle = before: a 5xx is no delivery; the same payment gets its answer, three runs at most", async () => {
  reply = { status: 500, body: "broken" };
  const first = await payFor(at("/first"), payer);
  assert.equal(first.offer.extra.paymentFlow, "upfront");
  assert.equal(first.settlement.success, true, JSON.stringify(first.body));
  reply = {};
  const second = await sendPaid(at("/first"), first.payment);
  assert.deepEqual([second.status, second.body], [200, "SECRET"]);
  assert.equal(second.settlement.transaction, first.settlement.transaction);
  assert.equal((await chain.transfers({ to: merchant })).filter((each) =>
    each.transaction === first.settlement.transaction).length, 1);

  reply = { status: 500, body: "broken" };
  const lost = await payFor(at("/first"), payer);
  const runs = [];
  for (let i = 0; i < 4; ++i) runs.push((await sendPaid(at("/first"), lost.payment)).status);
  assert.deepEqual(runs, [500, 500, 502, 502]);
});

test("6: the same request gets the stored answer, the upstream is not asked again", async () => {
  const paid = await payFor(at("/a?x=1"), payer);
  const count = upstream.seen.length;
  for (let i = 0; i < 3; ++i) {
    const again = await sendPaid(at("/a?x=1"), paid.payment);
    assert.deepEqual([again.status, again.body], [200, "SECRET"]);
    assert.deepEqual(again.settlement, paid.settlement);
    assert.equal(again.headers["cache-control"], "private, no-store");
  }
  assert.equal(upstream.seen.length, count);
});

test("6: any other request, or another's repeat, is 409 without body, state or token", async (t) => {
  const paid = await payFor(at("/a"), payer);
  const other = await offerOf("/a");
  const stranger = { ...paid.payment, accepted: other };
  const { quote, ...plain } = other.extra;
  const bare = { ...paid.payment, accepted: { ...other, extra: plain } };
  const rows = {
    "another path of the same price": ["/b", paid.payment],
    "another query": ["/a?x=2", paid.payment],
    "another method": ["/a", paid.payment, { method: "POST" }],
    "another quote": ["/a", stranger],
    "no quote": ["/a", bare],
    "a cheaper path": ["/cheap", paid.payment],
  };
  assert.ok(quote);
  const count = upstream.seen.length;
  for (const [name, [path, payment, options]] of Object.entries(rows)) {
    await t.test(name, async () => {
      const got = await sendPaid(at(path), payment, options);
      assert.deepEqual([got.status, got.body.error?.code], [409, "payment_already_used"]);
      assert.equal(secret(got), false);
      assert.deepEqual([got.settlement, got.required], [undefined, undefined]);
    });
  }
  assert.equal(upstream.seen.length, count);
});

test("41: another body under the same payment is refused before the upstream", async () => {
  const paid = await payFor(at("/a"), payer, { method: "POST", body: "one" });
  assert.equal(paid.status, 200);
  const other = await sendPaid(at("/a"), paid.payment, { method: "POST", body: "two" });
  assert.deepEqual([other.status, other.body.error?.code], [409, "payment_already_used"]);
  const same = await sendPaid(at("/a"), paid.payment, { method: "POST", body: "one" });
  assert.deepEqual([same.status, same.body], [200, "SECRET"]);
});

test("replay = 0: nothing is kept, and a delivered payment is used up", async () => {
  const paid = await payFor(at("/short"), payer);
  assert.equal(paid.status, 200);
  const again = await sendPaid(at("/short"), paid.payment);
  assert.deepEqual([again.status, secret(again)], [409, false]);
});

test("42: queries and keys reach no log, no record and no chain", async () => {
  const paid = await payFor(at("/a?token=very-private&mail=a%40b.example"), payer);
  assert.equal(paid.status, 200);
  await sendPaid(at("/b?token=very-private"), paid.payment);
  const { input } = await chain.client.getTransaction({ hash: paid.settlement.transaction });
  assert.ok(!input.includes(Buffer.from("very-private").toString("hex")));
  for (const { log, dir } of [gateway, facilitator]) {
    const files = [log, ...readdirSync(dir).map((name) => join(dir, name))];
    for (const file of files) {
      const bytes = readFileSync(file, "latin1");
      for (const word of ["very-private", "a%40b", world.accounts.facilitator1.key.slice(2)])
        assert.ok(!bytes.includes(word), `${word} in ${file}`);
    }
  }
});

// Sends a payment whose money leaves while the upstream runs, and gives the money back afterwards.
async function payWhileDrained(poor) {
  let balance = 0n;
  reply.first = async () => {
    balance = await chain.balanceOf(poor.address);
    const data = world.encode("TestUsd", "transfer", [world.accounts.facilitator4.address, balance]);
    await world.request("anvil_impersonateAccount", [poor.address]);
    const hash = await world.request("eth_sendTransaction", [{ from: poor.address, to: world.usdc, data }]);
    await eventually(() => chain.receipt(hash), { everyMs: 5, what: "the drain" });
  };
  const got = await sendPaid(at("/a"), await exactPayment(poor, await offerOf("/a")));
  reply = {};
  if (balance > 0n) await world.mint(poor.address, balance);
  return got;
}

test("7: money that left between verify and settle: the answer is withheld, then the money moves first", async () => {
  const poor = world.payers[1];
  for (let i = 0; i < 3; ++i) {
    const got = await payWhileDrained(poor);
    assert.deepEqual([got.status, secret(got)], [402, false], JSON.stringify(got.body));
    assert.equal(got.settlement.success, false);
  }
  const page = (await wireRequest(`${gateway.admin}/metrics`)).body;
  assert.equal(metricSum(page, "x402_unpaid_served_total"), 0);
  assert.equal(metricSum(page, "x402_loss_total"), 3);
  const fourth = await payWhileDrained(poor);
  assert.equal(fourth.status, 200, "settled before the upstream could take the money away");
  assert.equal((await chain.transfers({ from: poor.address, to: merchant })).length, 1);
});
