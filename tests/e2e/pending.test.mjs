// SPDX-License-Identifier: Apache-2.0
//
// A chain that mines nothing until a test says so. A payment that was sent and is not final is
// waited out, then told as pending, without an offer that would invite a second payment; the same
// payment, and a new one of the same payer for the same request, then get the one answer.

import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { after, before, beforeEach, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { runRefClient } from "../interop/roles.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { House } from "../lib/house.mjs";
import { askFacilitator, encodeHeader, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { metricSum, payFor, sendPaid, startUpstream, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startFacilitator, startGateway, x402Pay } from "../lib/x402bin.mjs";

const NETWORK = { poll: "20ms", stuck_after: "10m", settle_wait: "400ms" };
const house = new House();
let world, chain, upstream, facilitator, gateway, signer, runs;

before(async () => {
  world = await house.add(startWorld({ payers: 8, blockTime: 1000 }));
  chain = new Chain(world);
  upstream = await house.add(startUpstream((request, response, body) => response.end(`SECRET ${request.url} ${body}`)));
  facilitator = await house.add(startFacilitator(world, { network: NETWORK }));
  signer = world.accounts.facilitator1;
  const routes = [paidRoute(world, { match: "GET /after" }), paidRoute(world, { match: "POST /after" }),
    paidRoute(world, { match: "GET /before", settle: "before" })];
  gateway = await house.add(startGateway(world, {
    upstream: upstream.url, facilitators: [facilitator.url], routes, config: { pending_wait: "1s" } }));
});

beforeEach(() => (runs = upstream.seen.length));
after(() => house.close());

const at = (path) => `${gateway.url}${path}`;
const ranSince = () => upstream.seen.length - runs;
const transfersOf = (payer) => chain.transfers({ from: payer.address });

async function inThePool() {
  const mined = await chain.nonceOf(signer.address);
  await eventually(async () => (await chain.nonceOf(signer.address, "pending")) > mined, { everyMs: 10,
      what: "a send" });
}

function assertPending(got) {
  assert.deepEqual([got.status, got.body.error.code], [409, "settlement_pending"], JSON.stringify(got.body));
  assert.equal(got.required, undefined, "no invitation to pay again");
  assert.ok(Number(got.headers["retry-after"]) >= 1);
  assert.equal(got.headers["cache-control"], "no-store");
  assert.deepEqual([got.settlement.success, got.settlement.errorReason], [false, "settlement_pending"]);
  assert.match(got.settlement.transaction, /^0x[0-9a-f]{64}$/);
  assert.ok(!got.bytes.toString().includes("SECRET"));
}

for (const [i, path] of ["/after", "/before"].entries()) {
  test(`${path}: waited out, told as pending, and the same payment gets its answer`, async () => {
    const payer = world.payers[i];
    const started = performance.now();
    const first = await payFor(at(path), payer);
    assertPending(first);
    assert.ok(performance.now() - started >= 990, "pending_wait was waited out");
    const second = await sendPaid(at(path), first.payment);
    assertPending(second);
    assert.equal(second.settlement.transaction, first.settlement.transaction);
    const again = sendPaid(at(path), first.payment);
    await world.mine();
    const got = await again;
    const answered = got.status === 200 ? got : await sendPaid(at(path), first.payment);
    assert.deepEqual([answered.status, answered.body], [200, `SECRET ${path} `]);
    assert.equal(answered.settlement.transaction, first.settlement.transaction);
    assert.equal(ranSince(), 1, "the work was done once");
    assert.equal((await transfersOf(payer)).length, 1);
  });
}

test("a repeat by a stranger while it is pending learns nothing", async () => {
  const first = await payFor(at("/after"), world.payers[2]);
  assertPending(first);
  const { required } = await wireRequest(at("/after"));
  const stranger = { ...first.payment, accepted: required.accepts[0] };
  const got = await sendPaid(at("/after"), stranger);
  assert.deepEqual([got.status, got.body.error.code], [409, "payment_already_used"]);
  assert.deepEqual([got.settlement, got.required], [undefined, undefined]);
  await world.mine();
});

test("a client that leaves in the middle has paid, and its repeat gets the answer", async () => {
  const payer = world.payers[3];
  const { required } = await wireRequest(at("/after"), { method: "POST", body: "x" });
  const payment = await exactPayment(payer, required.accepts[0]);
  const gone = httpRequest(at("/after"), { method: "POST", headers: { "payment-signature": encodeHeader(payment) } });
  gone.on("error", () => {});
  gone.end("order");
  await inThePool();
  gone.destroy();
  await world.mine();
  await eventually(async () => (await transfersOf(payer)).length === 1, { what: "the transfer" });
  const got = await eventually(async () => {
    const answer = await sendPaid(at("/after"), payment, { method: "POST", body: "order" });
    return answer.status === 200 && answer;
  }, { what: "the stored answer" });
  assert.equal(got.body, "SECRET /after order");
  assert.equal(ranSince(), 1);
  assert.equal((await transfersOf(payer)).length, 1);
});

test("the reference client, which signs anew on every call, pays once over a stalled chain", async () => {
  const payer = world.payers[4];
  const first = await runRefClient(at("/after"), { key: payer.key });
  assert.equal(first.status, 409, JSON.stringify(first));
  const second = runRefClient(at("/after"), { key: payer.key });
  // The second payment is verified and then waits for the first; only now may anything be mined.
  await eventually(() => facilitatorVerifies(), { what: "the second verify" });
  await world.mine();
  const answer = await second;
  assert.equal(answer.status, 200, JSON.stringify(answer));
  const transfers = await transfersOf(payer);
  assert.equal(transfers.length, 1, "one transfer for two calls");
  assert.equal(answer.payment.transaction, transfers[0].transaction);
  assert.equal(ranSince(), 1);
});

// The second call's verify: the reference client asks, signs and asks again within this time.
async function facilitatorVerifies() {
  const page = (await wireRequest(`${facilitator.url}/metrics`)).body;
  const count = metricSum(page, "facilitator_verify_requests_total", { status: "success" });
  facilitatorVerifies.first ??= count;
  return count > facilitatorVerifies.first;
}

async function toldPending() {
  const page = (await wireRequest(`${gateway.admin}/metrics`)).body;
  const told = metricSum(page, "x402_refused_total", { reason: "settlement_pending" });
  toldPending.first ??= told;
  return told > toldPending.first;
}

test("x402 pay over a stalled chain sends one payment until it is settled", async () => {
  const payer = world.payers[5];
  const paying = x402Pay(world, at("/after"), { payer });
  await inThePool();
  await eventually(toldPending, { what: "an answer that says pending" });
  await world.mine();
  const { code, results, stderr } = await paying;
  assert.equal(code, 0, stderr);
  assert.deepEqual([results[0].status, results[0].outcome], [200, "settled"]);
  assert.ok(results[0].attempts > 1, "the same payment was sent more than once");
  assert.equal((await transfersOf(payer)).length, 1);
  assert.equal(ranSince(), 1);
});

test("at the facilitator, an intent with a key is joined only with that key", async () => {
  const payer = world.payers[6];
  const requirements = exactRequirements(world, { payTo: world.accounts.merchant.address });
  const payment = await exactPayment(payer, requirements);
  const ask = async (key) => (await askFacilitator(facilitator.url, "settle", payment, requirements,
    key ? { "idempotency-key": key } : {})).body;
  const pending = await ask("mine");
  assert.equal(pending.errorReason, "settlement_pending");
  assert.match(pending.transaction, /^0x/);
  for (const key of ["mine", "other", undefined]) {
    const body = await ask(key);
    assert.deepEqual([body.success, body.errorReason], [false, "settlement_pending"], `${key}`);
  }
  const waiting = wireRequest(`${facilitator.url}/settlements/${pending.extra.paymentKey}?wait=20`);
  await world.mine();
  const { body: status } = await waiting;
  assert.deepEqual([status.outcome, status.transactions], ["settled", [pending.transaction]]);
  assert.equal((await ask("other")).errorReason, "duplicate_settlement");
  assert.equal((await ask(undefined)).errorReason, "duplicate_settlement");
  const mine = await ask("mine");
  assert.deepEqual([mine.success, mine.transaction], [true, pending.transaction], "the success was still to be told");
  assert.equal((await ask("mine")).success, true, "and its owner may ask again");
  assert.equal((await transfersOf(payer)).length, 1);
});

test("without a key, the one repeat of the reference server may receive the one success", async () => {
  const payer = world.payers[7];
  const requirements = exactRequirements(world, { payTo: world.accounts.merchant.address });
  const payment = await exactPayment(payer, requirements);
  const ask = async () => (await askFacilitator(facilitator.url, "settle", payment)).body;
  const pending = await ask();
  assert.equal(pending.errorReason, "settlement_pending");
  await world.mine();
  const told = await eventually(async () => {
    const body = await ask();
    return body.errorReason !== "settlement_pending" && body;
  });
  assert.deepEqual([told.success, told.transaction], [true, pending.transaction]);
  assert.equal((await ask()).errorReason, "duplicate_settlement");
});
