// SPDX-License-Identifier: Apache-2.0
//
// The facilitator as its callers see it: which status for which request, what /supported and
// /settlements tell, who is told "success" and how often, and what the metrics page counts.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { House } from "../lib/house.mjs";
import { askFacilitator, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { metricSum, readMetrics, wireRequest } from "../lib/wire.mjs";
import { startFacilitator } from "../lib/x402bin.mjs";

const house = new House();
let world, chain, facilitator, terms;

before(async () => {
  world = await house.add(startWorld({ payers: 4 }));
  chain = new Chain(world);
  facilitator = await house.add(startFacilitator(world, { network: { poll: "20ms" } }));
  terms = exactRequirements(world, { payTo: world.accounts.merchant.address });
});

after(() => house.close());

const payer = (i) => world.payers[i];
const settle = (payment, headers, requirements) =>
  askFacilitator(facilitator.url, "settle", payment, requirements, headers);
const keyed = (key) => ({ "idempotency-key": key });

function keyOf({ payload: { authorization } }) {
  return ["eip3009", "eip155", "84532", world.usdc, authorization.from, authorization.nonce].join("~").toLowerCase();
}

test("/supported names the scheme, the network in both versions and the signers", async () => {
  const { status, body } = await wireRequest(`${facilitator.url}/supported`);
  assert.equal(status, 200);
  const kinds = body.kinds.map(({ x402Version, scheme, network }) => `${x402Version} ${scheme} ${network}`);
  assert.deepEqual(kinds.sort(), ["1 exact base-sepolia", `2 exact ${world.network}`]);
  assert.deepEqual(body.extensions, []);
  assert.deepEqual(body.signers, { "eip155:*": [world.accounts.facilitator1.address] });
});

test("a valid payment is verified, and nothing is written or moved", async () => {
  const payment = await exactPayment(payer(0), terms);
  const { status, headers, body } = await askFacilitator(facilitator.url, "verify", payment);
  assert.equal(status, 200);
  assert.equal(body.isValid, true);
  assert.equal(body.payer, payer(0).address);
  assert.equal(body.extra.paymentKey, keyOf(payment));
  assert.equal(headers.get("x402-payment-key"), keyOf(payment));
  assert.equal(headers.get("cache-control"), "no-store");
  assert.equal((await wireRequest(`${facilitator.url}/settlements/${keyOf(payment)}`)).status, 404);
  assert.equal((await chain.transfers({ from: payer(0).address })).length, 0);
});

const json = (value) => JSON.stringify(value);
const nested = (depth) => "[".repeat(depth) + "]".repeat(depth);

// Each row gets a good request's parts and makes a bad body of them.
const UNDECODABLE = [
  ["empty", () => ""],
  ["half an object", () => '{"x402Version":2'],
  ["an array", () => "[]"],
  ["no payload", ({ requirements }) => json({ x402Version: 2, paymentRequirements: requirements })],
  ["no requirements", ({ payment }) => json({ x402Version: 2, paymentPayload: payment })],
  ["a payload that is text", ({ requirements }) =>
    json({ x402Version: 2, paymentPayload: "x", paymentRequirements: requirements })],
  ["10,000 levels deep", () => `{"x402Version":2,"paymentPayload":${nested(10_000)}}`, "payload_too_large", 413],
  ["a key twice", ({ text }) => text.replace('"x402Version":2', '"x402Version":2,"x402Version":2')],
  ["version 3", ({ text }) => text.replaceAll('"x402Version":2', '"x402Version":3'), "invalid_x402_version"],
  ...["1e3", "0x10", "-1", "0.02", "\uff11", "", " 1", "+1", `${2n ** 256n}`].map((amount) => [
    `the amount ${JSON.stringify(amount)}`,
    ({ text }) => text.replaceAll('"amount":"1000"', `"amount":${JSON.stringify(amount)}`),
  ]),
  ["an amount that is a number", ({ text }) => text.replaceAll('"amount":"1000"', '"amount":1000')],
  ["a network that is no CAIP-2 id", ({ text }) => text.replaceAll(`"${world.network}"`, '"base sepolia"')],
];

for (const endpoint of ["verify", "settle"]) {
  test(`/${endpoint} answers 400 to what cannot be decoded`, async (t) => {
    const payment = await exactPayment(payer(0), terms);
    const text = json({ x402Version: 2, paymentPayload: payment, paymentRequirements: terms });
    for (const [name, make, code = "malformed_request", status = 400] of UNDECODABLE) {
      await t.test(name, async () => {
        const body = make({ payment, requirements: terms, text });
        const answer = await wireRequest(`${facilitator.url}/${endpoint}`, { method: "POST", body });
        assert.equal(answer.status, status, json(answer.body));
        assert.equal(answer.body.error.code, code);
        assert.equal(answer.body.isValid, undefined);
        assert.equal(answer.body.success, undefined);
      });
    }
  });
}

test("other statuses: 405 with Allow, 404, 413 and none of them a judgement", async () => {
  const ask = (path, options) => wireRequest(`${facilitator.url}${path}`, options);
  const get = await ask("/verify");
  assert.deepEqual([get.status, get.headers.allow], [405, "POST"]);
  assert.equal((await ask("/supported", { method: "POST", body: "{}" })).status, 405);
  assert.equal((await ask("/nothing")).status, 404);
  const huge = await ask("/verify", { method: "POST", body: `{"x402Version":2,"a":"${"a".repeat(200_000)}"}` });
  assert.deepEqual([huge.status, huge.body.error.code], [413, "payload_too_large"]);
  for (const path of ["/settlements/", "/settlements/a%2fb", "/settlements/x?wait=-1", "/settlements/x?a=1"])
    assert.equal((await ask(path)).status, 400, path);
  assert.equal((await ask("/health")).status, 200);
  assert.equal((await ask("/ready")).status, 200);
});

test("a settled payment is told once, then duplicate_settlement with the transaction", async () => {
  const payment = await exactPayment(payer(1), terms);
  const first = await settle(payment);
  assert.equal(first.status, 200);
  assert.equal(first.body.success, true, json(first.body));
  assert.equal(first.body.network, world.network);
  assert.equal(first.body.payer, payer(1).address);
  assert.equal(first.headers.get("x402-payment-key"), keyOf(payment));
  assert.equal((await chain.receipt(first.body.transaction)).status, "success");
  for (let i = 0; i < 3; ++i) {
    const { status, body } = await settle(payment);
    assert.deepEqual([status, body.success, body.errorReason], [200, false, "duplicate_settlement"]);
    assert.equal(body.transaction, first.body.transaction);
  }
  const { body: verdict } = await askFacilitator(facilitator.url, "verify", payment);
  assert.deepEqual([verdict.isValid, verdict.invalidReason], [false, "invalid_exact_evm_nonce_already_used"]);
  assert.equal((await chain.transfers({ from: payer(1).address })).length, 1);

  const { status, body } = await wireRequest(`${facilitator.url}/settlements/${keyOf(payment)}?wait=5`);
  assert.equal(status, 200);
  assert.equal(body.key, keyOf(payment));
  assert.deepEqual([body.outcome, body.state, body.payer, body.amount], ["settled", "settled", payer(1).address,
      "1000"]);
  assert.deepEqual(body.transactions, [first.body.transaction]);
  assert.equal(BigInt(body.block), (await chain.receipt(first.body.transaction)).blockNumber);
  assert.ok(body.updatedAt, "the record says when it changed");
});

// One payment each: first settle with this key, then a repeat with that key and those requirements.
const REPEATS = [
  ["same key, same terms: the stored result", "a", "a", {}, true],
  ["same key, other amount", "a", "a", { amount: "999" }, false],
  ["same key, other payTo", "a", "a", { payTo: "0x00000000000000000000000000000000000000AA" }, false],
  ["another key", "a", "b", {}, false],
  ["key, then none", "a", undefined, {}, false],
  ["none, then a key", undefined, "a", {}, false],
  ["none, then none", undefined, undefined, {}, false],
  ["same key, other extra and timeout: still the same terms", "a", "a", { maxTimeoutSeconds: 301 }, true],
];

test("the Idempotency-Key decides who may hear of a success again", async (t) => {
  for (const [name, first, second, change, again] of REPEATS) {
    await t.test(name, async () => {
      const payment = await exactPayment(payer(2), terms);
      const unique = (key) => (key ? keyed(`${key} ${payment.payload.authorization.nonce}`) : {});
      const told = await settle(payment, unique(first));
      assert.equal(told.body.success, true, json(told.body));
      const repeat = await settle(payment, unique(second), { ...terms, ...change });
      assert.equal(repeat.status, 200);
      assert.equal(repeat.body.success, again, json(repeat.body));
      assert.equal(repeat.body.transaction, told.body.transaction);
      if (!again) assert.equal(repeat.body.errorReason, "duplicate_settlement");
    });
  }
  assert.equal((await chain.transfers({ from: payer(2).address })).length, REPEATS.length);
});

test("an Idempotency-Key that stands twice or is too long is 400 and settles nothing", async () => {
  const payment = await exactPayment(payer(0), terms);
  const body = json({ x402Version: 2, paymentPayload: payment, paymentRequirements: terms });
  for (const headers of [["Idempotency-Key", "a", "Idempotency-Key", "b"], ["Idempotency-Key", "k".repeat(257)]]) {
    const answer = await wireRequest(`${facilitator.url}/settle`, { method: "POST", headers, body });
    assert.equal(answer.status, 400);
  }
  assert.equal(await chain.isAuthorizationUsed(payer(0).address, payment.payload.authorization.nonce), false);
});

test("attack 3: the same authorization written another way is the same payment", async (t) => {
  const payment = await exactPayment(payer(3), terms);
  const first = await settle(payment);
  assert.equal(first.body.success, true);
  const { authorization, signature } = payment.payload;
  const upper = (hex) => `0x${hex.slice(2).toUpperCase()}`;
  const variants = {
    "upper-case hex": { ...payment, payload: { signature: upper(signature), authorization: {
      ...authorization, nonce: upper(authorization.nonce), from: upper(authorization.from) } } },
    "other key order": { payload: { authorization, signature }, accepted: payment.accepted, x402Version: 2 },
    "an extension more": { ...payment, extensions: { other: { info: {}, schema: {} } } },
    "unknown members": { ...payment, more: 1, payload: { ...payment.payload, more: "x" } },
  };
  for (const [name, variant] of Object.entries(variants)) {
    await t.test(name, async () => {
      const { body } = await settle(variant);
      assert.deepEqual([body.success, body.errorReason], [false, "duplicate_settlement"]);
      assert.equal(body.transaction, first.body.transaction);
    });
  }
  assert.equal((await chain.transfers({ from: payer(3).address })).length, 1);
});

test("/metrics counts what was asked, under the names dashboards know", async () => {
  const page = (await wireRequest(`${facilitator.url}/metrics`)).body;
  const labels = { chain: world.network, scheme: "exact" };
  assert.ok(metricSum(page, "facilitator_verify_requests_total", { ...labels, status: "success" }) >= 1);
  assert.ok(metricSum(page, "facilitator_settle_requests_total", { ...labels, status: "success" }) >= 8);
  assert.ok(metricSum(page, "facilitator_settle_requests_total", { ...labels, status: "duplicate" }) >= 8);
  const names = new Set(readMetrics(page).map(({ name }) => name));
  const wanted = ["facilitator_verify_duration_seconds_count", "facilitator_settle_duration_seconds_count",
    "x402_settle_outcome_total", "x402_pending_settlements", "x402_pending_oldest_seconds", "x402_signer_inflight",
    "x402_signer_selected_total", "x402_signer_balance", "x402_sponsor_cost_total", "x402_rpc_requests_total",
    "x402_rpc_breaker_state", "x402_replay_rejected_total"];
  assert.deepEqual(wanted.filter((name) => !names.has(name)), []);
  assert.equal(metricSum(page, "x402_pending_settlements"), 0);
  assert.ok(metricSum(page, "x402_sponsor_cost_total", { chain: world.network }) > 0);
});
