// SPDX-License-Identifier: Apache-2.0
//
// One signed transaction, sent two hundred times, written in every way that JSON and base64 allow, and under
// any number of signatures in the fee payer's place: one transfer, one success, one fee. The chain executes
// nothing until a test says so, so that what is meant to be at once is at once.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../lib/check.mjs";
import { House } from "../lib/house.mjs";
import { askFacilitator } from "../lib/payments.mjs";
import { USUAL_FEE, svmKeyOf, withSignature } from "../lib/svm.mjs";
import { SvmDesk, assertPurses } from "../lib/svm_kit.mjs";
import { startSvmProxy } from "../lib/svm_proxy.mjs";
import { wireRequest } from "../lib/wire.mjs";

const house = new House();
let desk, world, chain, proxy, at;

before(async () => {
  desk = await SvmDesk.open(house, { payers: 8 });
  ({ world, chain } = desk);
  proxy = await house.add(startSvmProxy(world.rpc));
  at = await desk.facilitator(house, { network: { rpc: [proxy.url], settle_wait: "15s" } });
});

after(() => house.close());

const settle = (payment, headers = {}) => askFacilitator(at.url, "settle", payment, payment.accepted, headers);

// The chain stands still until all of it is asked and the transaction is on its way.
async function atOnce(ask) {
  const sentBefore = proxy.sent.length;
  await world.hold();
  try {
    const asked = ask();
    await eventually(() => proxy.sent.length > sentBefore, { what: "a broadcast", everyMs: 10 });
    await sleep(600);
    await world.release();
    return await asked;
  } finally {
    await world.release();
  }
}

async function assertOneOf(answers, payer) {
  const bodies = answers.map(({ body }) => body);
  const won = bodies.filter(({ success }) => success === true);
  assert.equal(won.length, 1, `one success: ${JSON.stringify(bodies.slice(0, 3))}`);
  for (const body of bodies.filter(({ success }) => success !== true)) {
    assert.ok(["duplicate_settlement", "settlement_pending"].includes(body.errorReason), JSON.stringify(body));
    if (body.transaction) assert.equal(body.transaction, won[0].transaction);
  }
  const transfers = await chain.transfers({ from: payer.address });
  assert.deepEqual(transfers.map(({ value, transaction }) => [value, transaction]), [[1000n, won[0].transaction]]);
}

const onePayment = (action) => assertPurses(at, { [desk.signer.name]: USUAL_FEE }, action);

// Broken by: two runs for one key, or a success that is told to each who waited.
test("attack 1: 200 identical Solana settlements at once on a slow chain: one transaction, one success, one fee",
    async () => {
  const payer = desk.payer();
  const payment = await desk.pay(payer);
  const answers = await onePayment(() => atOnce(() => Promise.all(Array.from({ length: 200 }, () => settle(payment)))));
  await assertOneOf(answers, payer);
  const late = await settle(payment);
  assert.deepEqual([late.body.success, late.body.errorReason], [false, "duplicate_settlement"]);
});

const reversed = (value) => {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([name, inner]) => [name, reversed(inner)]));
};
const wrap = (payment) => ({ x402Version: 2, paymentPayload: payment, paymentRequirements: payment.accepted });
const text = (payment) => JSON.stringify(wrap(payment));
const respelt = (change) => (payment) =>
  text({ ...payment, payload: { ...payment.payload, transaction: change(payment.payload.transaction) } });

// Each writes the same payment in another way, as the text of a settle request.
const SAME = {
  "as it was": text,
  "keys in reverse": (payment) => JSON.stringify(reversed(wrap(payment))),
  "white space": (payment) => ` \r\n\t${JSON.stringify(wrap(payment), null, "\t")}\n `,
  "escaped characters": (payment) => text(payment).replaceAll("transaction", "\\u0074ransaction"),
  "an extension more": (payment) => text({ ...payment, extensions: { other: { info: {}, schema: {} } } }),
  "unknown members": (payment) => text({ ...payment, salt: 1, payload: { ...payment.payload, salt: "x" } }),
  "another resource": (payment) => text({ ...payment, resource: { url: "https://elsewhere.test/" } }),
  "version 1": ({ payload, accepted: { amount, asset, payTo, maxTimeoutSeconds, extra } }) => {
    const named = { scheme: "exact", network: "solana-devnet" };
    return JSON.stringify({ x402Version: 1, paymentPayload: { x402Version: 1, ...named, payload },
      paymentRequirements: { ...named, maxAmountRequired: amount, asset, payTo, maxTimeoutSeconds, extra,
        resource: "https://api.test/", description: "", mimeType: "" } });
  },
};
// Spellings that are either the same payment or the sender's fault.
const DOUBTFUL = {
  "base64 without padding": respelt((base64) => base64.replace(/=+$/, "")),
  "base64 of the URL alphabet": respelt((base64) => base64.replaceAll("+", "-").replaceAll("/", "_")),
  "base64 in lines": respelt((base64) => base64.replace(/(.{76})/g, "$1\n")),
  "bytes behind the transaction": respelt((base64) =>
    Buffer.concat([Buffer.from(base64, "base64"), Buffer.alloc(3)]).toString("base64")),
  "the count of signatures in two bytes": respelt((base64) => {
    const wire = Buffer.from(base64, "base64");
    return Buffer.concat([Buffer.from([0x80 | wire[0], 0x00]), wire.subarray(1)]).toString("base64");
  }),
};

// Broken by: a key made of the bytes that came instead of the message that was signed.
test("attack 3: every spelling of one Solana payment at once moves the money once, under one key", async () => {
  const payer = desk.payer();
  const payment = await desk.pay(payer);
  const post = (body) =>
    wireRequest(`${at.url}/settle`, { method: "POST", headers: ["Content-Type", "application/json"], body });
  const texts = Object.values({ ...SAME, ...DOUBTFUL }).map((spell) => spell(payment));
  const answers = await onePayment(() => atOnce(() => Promise.all(texts.map(post))));
  const same = answers.slice(0, Object.keys(SAME).length);
  const names = Object.keys(SAME);
  same.forEach(({ status, headers, body }, i) => {
    assert.equal(status, 200, `${names[i]}: ${JSON.stringify(body)}`);
    assert.equal(headers["x402-payment-key"], svmKeyOf(payment), names[i]);
  });
  const doubtful = answers.slice(same.length);
  const judged = doubtful.filter(({ headers }) => headers["x402-payment-key"] === svmKeyOf(payment));
  for (const { status, body } of doubtful.filter((answer) => !judged.includes(answer))) {
    assert.ok(status < 500, JSON.stringify(body));
    assert.notEqual(body.success, true, "another name would be another payment");
  }
  await assertOneOf([...same, ...judged], payer);
});

// Broken by: a key or a pending store made of the transaction as it came, or of its first signature.
test("attack 4: 48 variants of one Solana payment, each with another signature in the fee payer's place, "
    + "are one payment", async () => {
  const payer = desk.payer();
  const payment = await desk.pay(payer);
  const variants = [payment, ...Array.from({ length: 47 }, () => withSignature(payment, randomBytes(64)))];
  assert.equal(new Set(variants.map(({ payload }) => payload.transaction)).size, 48);
  const answers = await onePayment(() => atOnce(() => Promise.all(variants.map((each) => settle(each)))));
  for (const { headers } of answers) assert.equal(headers.get("x402-payment-key"), svmKeyOf(payment));
  await assertOneOf(answers, payer);
  const late = await settle(withSignature(payment, randomBytes(64)));
  assert.deepEqual([late.body.success, late.body.errorReason], [false, "duplicate_settlement"]);
});

// The fee payer's slot is ours to fill: what stands there is neither believed nor a reason to refuse.
test("attack 4: whatever stands in the fee payer's place of a Solana payment, it is verified alike", async () => {
  const payment = await desk.pay(desk.payer());
  const rows = [payment, withSignature(payment, randomBytes(64)), withSignature(payment, Buffer.alloc(64, 255))];
  await assertPurses(at, {}, async () => {
    for (const each of rows) {
      const { body } = await askFacilitator(at.url, "verify", each);
      assert.equal(body.isValid, true, JSON.stringify(body));
    }
  });
});
