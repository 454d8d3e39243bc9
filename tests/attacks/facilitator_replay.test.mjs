// SPDX-License-Identifier: Apache-2.0
//
// One authorization, sent two hundred times, written in every way that JSON and hex allow, or taken
// to the chain by somebody else: one transfer, one success, whoever asks. The chain mines only when
// a test says so, so that what is meant to be at once is at once.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { SEND, firstInPool, keyOf, mineUntil, pooled, sendAs, sends, transferData } from "../lib/attack.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { askFacilitator, encodeHeader, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { startRelay, startUpstream, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startFacilitator, startGateway } from "../lib/x402bin.mjs";

const NETWORK = { poll: "20ms", stuck_after: "10m", settle_wait: "15s" };
const house = new House();
let world, chain, facilitator, terms, merchant, signer, stranger;

before(async () => {
  // One block an epoch: what was mined is final two blocks later.
  world = await house.add(startWorld({ payers: 16, blockTime: 1000, more: ["--slots-in-an-epoch", "1"] }));
  chain = new Chain(world);
  merchant = world.accounts.merchant.address;
  signer = world.accounts.facilitator1;
  stranger = world.accounts.facilitator4; // has ether, and no part in any payment
  facilitator = await house.add(startFacilitator(world, { signers: [signer], network: NETWORK }));
  terms = exactRequirements(world, { payTo: merchant });
});

after(() => house.close());

const settle = (payment, key, url = facilitator.url) =>
  askFacilitator(url, "settle", payment, payment.accepted, key ? { "idempotency-key": key } : {});
const transfersOf = (payer) => chain.transfers({ from: payer.address });
const post = (text, url = facilitator.url) =>
  wireRequest(`${url}/settle`, { method: "POST", headers: ["Content-Type", "application/json"], body: text });
const wrap = (payment) =>
  ({ x402Version: 2, paymentPayload: payment, paymentRequirements: payment.accepted });

async function assertOneOf(answers, payer, sentBefore) {
  const bodies = answers.map(({ body }) => body);
  const won = bodies.filter(({ success }) => success === true);
  assert.equal(won.length, 1, `one success: ${JSON.stringify(bodies.slice(0, 3))}`);
  for (const body of bodies.filter(({ success }) => success !== true)) {
    assert.ok(["duplicate_settlement", "settlement_pending"].includes(body.errorReason), JSON.stringify(body));
    if (body.transaction) assert.equal(body.transaction, won[0].transaction);
  }
  const transfers = await transfersOf(payer);
  assert.deepEqual(transfers.map(({ transaction }) => transaction), [won[0].transaction]);
  assert.equal((await chain.nonceOf(signer.address)) - sentBefore, 1, "one transaction");
}

// Broken by: two runs for one key (the desk is asked, then waited, then written), or a success that
// is told to each who waited.
for (const [i, [name, key]] of Object.entries({
  "without a key": () => undefined,
  "each with a key of its own": (n) => `attacker ${n}`,
}).entries()) {
  test(`attack 1: 200 identical settlements at once on a slow chain, ${name}: one transaction, one success`, async () => {
    const payer = world.payers[i];
    const sentBefore = await chain.nonceOf(signer.address);
    const payment = await exactPayment(payer, terms);
    const asked = Promise.all(Array.from({ length: 200 }, (_, n) => settle(payment, key(n))));
    await firstInPool(world, signer);
    await sleep(600); // the chain is slow: all two hundred wait
    assert.equal(Object.keys(await pooled(world, signer)).length, 1, "one transaction in the pool");
    await assertOneOf(await mineUntil(world, asked), payer, sentBefore);
    const late = await settle(payment);
    assert.deepEqual([late.body.success, late.body.errorReason], [false, "duplicate_settlement"]);
  });
}

const reversed = (value) => {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([name, inner]) => [name, reversed(inner)]));
};
const upper = (hex) => `0x${hex.slice(2).toUpperCase()}`;
const escaped = (text) =>
  text.replace(/0x[0-9a-fA-F]{40,}/g, (hex) => [...hex].map((c) => `\\u00${c.charCodeAt(0).toString(16)}`).join(""));
const mapPayload = (change) => (payment) => {
  const { signature, authorization, ...more } = payment.payload;
  return { ...payment, payload: { ...more, ...change({ signature, authorization: { ...authorization } }) } };
};
const lowerAddresses = ({ signature, authorization }) => ({ signature, authorization: { ...authorization,
  from: authorization.from.toLowerCase(), to: authorization.to.toLowerCase() } });
const upperHex = ({ signature, authorization }) => ({ signature: upper(signature), authorization: { ...authorization,
  nonce: upper(authorization.nonce), from: upper(authorization.from), to: upper(authorization.to) } });
const text = (payment) => JSON.stringify(wrap(payment));

// Each writes the same payment in another way, as the text of a settle request.
const ENCODINGS = {
  "as it was": text,
  "keys in reverse": (payment) => JSON.stringify(reversed(wrap(payment))),
  "white space": (payment) => ` \r\n\t${JSON.stringify(wrap(payment), null, "\t")}\n `,
  "escaped characters": (payment) => escaped(text(payment)),
  "upper-case hex": (payment) => text(mapPayload(upperHex)(payment)),
  "lower-case addresses": (payment) => text(mapPayload(lowerAddresses)(payment)),
  "an extension more": (payment) => text({ ...payment, extensions: { other: { info: {}, schema: {} } } }),
  "unknown members": (payment) => text({ ...payment, salt: 1, payload: { ...payment.payload, salt: "x" } }),
  "another resource": (payment) => text({ ...payment, resource: { url: "https://elsewhere.test/" } }),
  "leading zeros": (payment) => text(mapPayload(({ signature, authorization }) =>
    ({ signature, authorization: { ...authorization, value: "01000", validAfter: "00" } }))(payment)),
  "version 1": ({ payload, accepted: { amount, asset, payTo, maxTimeoutSeconds, extra } }) => {
    const named = { scheme: "exact", network: "base-sepolia" };
    return JSON.stringify({ x402Version: 1, paymentPayload: { x402Version: 1, ...named, payload },
      paymentRequirements: { ...named, maxAmountRequired: amount, asset, payTo, maxTimeoutSeconds, extra,
        resource: "https://api.test/", description: "", mimeType: "" } });
  },
};

// Broken by: a key made of the bytes that came instead of the authorization that they mean.
test("attack 3: eleven encodings of one authorization at once move the money once, under one key", async () => {
  const payer = world.payers[2];
  const sentBefore = await chain.nonceOf(signer.address);
  const payment = await exactPayment(payer, terms);
  const names = Object.keys(ENCODINGS);
  const asked = Promise.all(names.map((name) => post(ENCODINGS[name](payment))));
  await firstInPool(world, signer);
  const answers = await mineUntil(world, asked);
  const judged = answers.filter(({ status }) => status === 200);
  assert.ok(judged.length >= 10, JSON.stringify(answers.map(({ status, body }, i) => [names[i], status, body])));
  for (const { status, headers, body } of answers) {
    if (status === 200 && body.errorReason !== "invalid_exact_evm_payload")
      assert.equal(headers["x402-payment-key"], keyOf(payment));
    else assert.ok(status < 500, "a spelling that is not accepted is the sender's fault");
  }
  await assertOneOf(judged.filter(({ body }) => body.errorReason !== "invalid_exact_evm_payload"), payer, sentBefore);
});

// The same signature in 64 bytes (EIP-2098), or with its last byte as 0 or 1: either another spelling
// of the same payment or none at all, and never a second one.
test("attack 3: a signature in another shape is the same payment or none", async () => {
  const payer = world.payers[3];
  const payment = await exactPayment(payer, terms);
  const first = await mineUntil(world, settle(payment));
  assert.equal(first.body.success, true, JSON.stringify(first.body));
  const { signature } = payment.payload;
  const odd = signature.endsWith("1c");
  const s = BigInt(`0x${signature.slice(66, 130)}`) | (odd ? 1n << 255n : 0n);
  const shapes = [`${signature.slice(0, 66)}${s.toString(16).padStart(64, "0")}`,
    `${signature.slice(0, -2)}${odd ? "01" : "00"}`, `0X${signature.slice(2)}`];
  for (const shape of shapes) {
    const { status, body } = await settle({ ...payment, payload: { ...payment.payload, signature: shape } });
    assert.ok(status === 200 && body.success === false, JSON.stringify(body));
    assert.ok(["duplicate_settlement", "invalid_exact_evm_signature", "invalid_exact_evm_payload"]
      .includes(body.errorReason), JSON.stringify(body));
  }
  assert.equal((await transfersOf(payer)).length, 1);
});

const base64 = (value) => Buffer.from(value).toString("base64");
const HEADERS = {
  "as it was": encodeHeader,
  "keys in reverse": (payment) => base64(JSON.stringify(reversed(payment))),
  "white space": (payment) => base64(JSON.stringify(payment, null, 3)),
  "no padding": (payment) => base64(`${JSON.stringify(payment)} `).replaceAll("=", ""),
  "url alphabet": (payment) => base64(`${JSON.stringify({ ...payment, salt: "???>>>~~~" })}`)
    .replaceAll("+", "-").replaceAll("/", "_"),
  "upper-case hex": (payment) => encodeHeader(mapPayload(upperHex)(payment)),
  "an extension more": (payment) => encodeHeader({ ...payment, extensions: { other: { info: {}, schema: {} } } }),
};

// Broken by: a grant under the header's bytes; then each spelling would be work for free.
test("attack 3: a gateway grants one answer for all encodings of a payment header", async (t) => {
  const parts = houseOf(t);
  const payer = world.payers[4];
  let runs = 0;
  const upstream = await parts.add(startUpstream((_request, response) => response.end(`SECRET ${++runs}`)));
  const routes = [paidRoute(world, { match: "GET /weather" }), paidRoute(world, { match: "GET /news" })];
  const gateway = await parts.add(startGateway(world, { upstream: upstream.url, facilitators: [facilitator.url], routes,
    config: { pending_wait: "15s" } }));
  const { required } = await wireRequest(`${gateway.url}/weather`);
  const payment = await exactPayment(payer, required.accepts[0]);
  const ask = (header, path = "/weather") =>
    wireRequest(gateway.url + path, { headers: ["PAYMENT-SIGNATURE", header] });
  const headers = Object.values(HEADERS).map((make) => make(payment));
  const asked = Promise.all(headers.map((header) => ask(header)));
  await firstInPool(world, signer);
  const answers = [...(await mineUntil(world, asked)), ...(await Promise.all(headers.map((header) => ask(header))))];
  assert.ok(answers.some(({ status }) => status === 200));
  for (const { status, bytes } of answers) {
    if (status === 200) assert.equal(bytes.toString(), "SECRET 1");
    else assert.ok(status >= 400 && status < 500 && !bytes.includes("SECRET"), `${status} ${bytes}`);
  }
  for (const header of headers) {
    const { status, bytes } = await ask(header, "/news");
    assert.ok(status >= 400 && status < 500 && !bytes.includes("SECRET"), `${status} ${bytes}`);
  }
  assert.equal(runs, 1, "the work was done once");
  assert.equal((await transfersOf(payer)).length, 1);
});

// Sends the payment's own call from a stranger's account, so that its block has it before ours.
async function frontRun(payment, tip = "500") {
  return sendAs(world, stranger, { to: world.usdc, data: transferData(world, payment), tip });
}

async function final() {
  await world.mine(4);
}

// The settlement's last word, once what the stranger did is final.
async function lastWord(payment, url = facilitator.url, key = undefined) {
  return eventually(async () => {
    await final();
    const { status, body } = await settle(payment, key, url);
    if (status === 503) return null; // used, and by whom is not final
    assert.equal(status, 200, JSON.stringify(body));
    return body.errorReason !== "settlement_pending" && body;
  }, { what: "a last word", deadlineMs: 20_000 });
}

// Broken by: taking a used nonce, or the Transfer that anybody made, for a settlement of ours.
test("attack 8: a stranger overtakes our transaction with the same signature: no success, his transaction is named",
    async () => {
  const payer = world.payers[5];
  const payment = await exactPayment(payer, terms);
  const asked = settle(payment);
  const ours = await firstInPool(world, signer);
  const theirs = await frontRun(payment);
  await world.mine();
  assert.equal((await chain.receipt(theirs)).status, "success");
  assert.equal((await chain.receipt(ours.hash)).status, "reverted", "he came first");
  const { body } = await mineUntil(world, asked);
  assert.equal(body.success, false, JSON.stringify(body));
  const last = await lastWord(payment);
  assert.deepEqual([last.success, last.errorReason, last.transaction], [false, "duplicate_settlement", theirs]);
  const again = (await settle(payment, "another key")).body;
  assert.deepEqual([again.success, again.transaction], [false, theirs]);
  assert.equal((await transfersOf(payer)).length, 1);
  const status = (await wireRequest(`${facilitator.url}/settlements/${keyOf(payment)}`)).body;
  assert.notEqual(status.outcome, "settled", JSON.stringify(status));
});

test("attack 8: settled by a stranger before we were asked: duplicate_settlement, and nothing is sent", async () => {
  const payer = world.payers[6];
  const sentBefore = await chain.nonceOf(signer.address, "pending");
  const payment = await exactPayment(payer, terms);
  const theirs = await frontRun(payment);
  await world.mine();
  const verdict = (await askFacilitator(facilitator.url, "verify", payment)).body;
  assert.equal(verdict.isValid, false);
  const first = await settle(payment);
  assert.notEqual(first.body.success, true, JSON.stringify(first.body));
  const last = await lastWord(payment);
  assert.deepEqual([last.success, last.errorReason, last.transaction], [false, "duplicate_settlement", theirs]);
  assert.equal(await chain.nonceOf(signer.address, "pending"), sentBefore);
});

// A relay that keeps our transaction from the chain while the stranger's is mined.
async function observing(t, account) {
  const parts = houseOf(t);
  const relay = await parts.add(startRelay(world.rpc));
  const network = { ...NETWORK, rpc: [relay.url], accept_observed: true, settle_wait: "1s" };
  const role = await parts.add(startFacilitator(world, { signers: [account], network }));
  return { relay, url: role.url };
}

// Broken by: granting the observed transfer to each who asks, or one that lies before our intent.
test("attack 8: with accept_observed a stranger's transfer counts once, and only after our intent", async (t) => {
  const { relay, url } = await observing(t, world.accounts.facilitator2);
  const payer = world.payers[7];
  const payment = await exactPayment(payer, terms);
  let held = 0;
  relay.decide = (asked) => (sends(asked) ? (held += 1, "drop") : "pass");
  const first = await settle(payment, undefined, url);
  assert.equal(first.body.errorReason, "settlement_pending", JSON.stringify(first.body));
  assert.ok(held > 0, `our ${SEND} was held back`);
  const { timestamp } = await chain.block(await chain.blockNumber());
  const soon = Math.max(Number(timestamp), Math.floor(Date.now() / 1000)) + 2;
  await world.request("evm_setNextBlockTimestamp", [soon]);
  const theirs = await frontRun(payment);
  await world.mine();
  relay.decide = () => "pass";
  const told = await lastWord(payment, url);
  assert.deepEqual([told.success, told.transaction], [true, theirs], JSON.stringify(told));
  for (const key of [undefined, "a", "b"]) {
    const { body } = await settle(payment, key, url);
    assert.deepEqual([body.success, body.errorReason, body.transaction], [false, "duplicate_settlement", theirs]);
  }
  assert.equal((await transfersOf(payer)).length, 1);

  const early = await exactPayment(payer, terms);
  const hash = await frontRun(early);
  await world.mine();
  const refused = await lastWord(early, url);
  assert.deepEqual([refused.success, refused.transaction], [false, hash], "it lies before our intent");
});

// What the gateway answers to a payment that a stranger overtakes: while that is not final, and after.
async function overtaken(t, payer) {
  const parts = houseOf(t);
  const upstream = await parts.add(startUpstream((_request, response) => response.end("SECRET")));
  const gateway = await parts.add(startGateway(world, { upstream: upstream.url, facilitators: [facilitator.url],
    config: { pending_wait: "1s" } }));
  const url = `${gateway.url}/weather`;
  const { required } = await wireRequest(url);
  const payment = await exactPayment(payer, required.accepts[0]);
  const ask = () => wireRequest(url, { headers: ["PAYMENT-SIGNATURE", encodeHeader(payment)] });
  const asked = ask();
  await firstInPool(world, signer);
  await frontRun(payment);
  await world.mine();
  const first = await asked;
  const judged = await eventually(async () => {
    await final();
    const got = await ask();
    return got.body.error?.code !== "settlement_pending" && got;
  }, { what: "a judged answer" });
  assert.equal((await transfersOf(payer)).length, 1, "the money did move, once");
  return { first, judged, ask };
}

function assertNotServed(got) {
  assert.ok(got.status >= 400 && got.status < 500, `${got.status} ${got.bytes}`);
  assert.ok(!got.bytes.includes("SECRET") && got.settlement?.success !== true, got.bytes.toString());
}

// Broken by: a body for money that a stranger moved, or an offer beside "already settled".
test("attack 8: at the gateway an overtaken payment gets no body, and is told as a duplicate without an offer",
    async (t) => {
  const { first, judged, ask } = await overtaken(t, world.payers[8]);
  for (const got of [first, judged, await ask(), await ask()]) assertNotServed(got);
  for (const got of [first, judged]) {
    assert.equal(got.status, 409, `${got.status} ${got.bytes}`);
    assert.equal(got.required, undefined, "no invitation to pay again");
  }
  assert.equal(judged.body.error.code, "duplicate_settlement");
});

// Broken by: forgetting, once it was told, that the money of this payment has moved: its repeat is
// then verified anew, reads as "nonce already used", and is answered with a fresh offer.
test("attack 8: at the gateway each repeat of an overtaken payment is told the same, never a fresh offer", async (t) => {
  const { ask } = await overtaken(t, world.payers[9]);
  for (let i = 0; i < 3; ++i) {
    const got = await ask();
    assertNotServed(got);
    assert.equal(got.required, undefined, `repeat ${i + 1}: ${got.status} ${got.bytes}`);
    assert.equal(got.status, 409);
  }
});
