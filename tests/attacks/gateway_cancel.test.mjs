// SPDX-License-Identifier: Apache-2.0
//
// Payers who take their money back between verify and settle: by cancelling the authorization, by
// spending it elsewhere, by moving the balance. The seller may lose work, never an answer; after three
// losses that payer settles first on that route, and nobody else is touched.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { encodeFunctionData, parseAbi } from "viem";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { FAST, brief, cancelAuthorization, drain, isServed, metric } from "../lib/gw_kit.mjs";
import { House } from "../lib/house.mjs";
import { decodeHeader, exactPayment } from "../lib/payments.mjs";
import { sendPaid, startRelay, startUpstream, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startFacilitator, startGateway } from "../lib/x402bin.mjs";

const house = new House();
let world, chain, upstream, facilitator, relay, gateway, merchant;
let beforeSettle; // what happens on the chain when the gateway asks to settle a payment: (payment) => promise

before(async () => {
  world = await house.add(startWorld({ payers: 16 }));
  chain = new Chain(world);
  merchant = world.accounts.merchant.address;
  upstream = await house.add(startUpstream((request, response) => response.end(`SECRET ${request.url}`)));
  facilitator = await house.add(startFacilitator(world, { network: FAST }));
  relay = await house.add(startRelay(facilitator.url, async ({ url, body }) => {
    if (url === "/settle") await beforeSettle?.(JSON.parse(body).paymentPayload);
    return "pass";
  }));
  const routes = [paidRoute(world, { match: "GET /after" }), paidRoute(world, { match: "GET /other" }),
    paidRoute(world, { match: "GET /before", settle: "before" })];
  gateway = await house.add(startGateway(world, {
    upstream: upstream.url, facilitators: [relay.url], routes, config: { pending_wait: "3s" } }));
});

beforeEach(() => (beforeSettle = undefined));
after(() => house.close());

const at = (path) => `${gateway.url}${path}`;
const losses = () => metric(gateway, "x402_loss_total");
const paymentFor = async (path, payer) =>
  exactPayment(payer, (await wireRequest(at(path))).required.accepts[0]);

// The payer's own transaction spends the authorization, to the right recipient, past the facilitator.
async function spendItself({ payload: { authorization, signature } }) {
  const { from, to, value, validAfter, validBefore, nonce } = authorization;
  const abi = parseAbi(["function transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)"]);
  const args = [from, to, BigInt(value), BigInt(validAfter), BigInt(validBefore), nonce, signature];
  await world.transact({ to: world.usdc, data: encodeFunctionData({ abi, args }) });
}

const payerOf = (payment) => world.payers.find(({ address }) => address === payment.payload.authorization.from);
const cancel = (payment) => cancelAuthorization(world, payerOf(payment), payment.payload.authorization.nonce);
const FINAL = 80; // blocks, after which what stands on this chain is final
const TRICKS = {
  // A cancelled authorization reads as used; that it was not paid with is known once that is final.
  "cancels the authorization": async (payment) => {
    await cancel(payment);
    await world.mine(FINAL);
  },
  "moves the balance": (payment) => drain(world, chain, payerOf(payment)),
  "spends the authorization itself": spendItself,
};

// Fails when the answer leaves before the money has moved, or when a failed settlement is taken for success.
for (const [i, [name, trick]] of Object.entries(TRICKS).entries()) {
  test(`attack 7: the payer ${name} between verify and settle: no body, before as after`, async () => {
    const own = name.includes("itself");
    for (const [j, path] of ["/before", "/after"].entries()) {
      const payer = world.payers[2 * i + j];
      const payment = await paymentFor(path, payer);
      const runs = upstream.seen.length;
      const lost = await losses();
      beforeSettle = trick;
      const got = await sendPaid(at(path), payment);
      beforeSettle = undefined;
      assert.equal(isServed(got), false, brief(got));
      assert.ok([402, 409].includes(got.status), brief(got));
      assert.equal(upstream.seen.length - runs, path === "/before" ? 0 : 1, "no work before the money where asked for");
      if (got.status === 402) assert.equal(got.settlement.success, false);
      // Somebody else's transfer leaves it open or says duplicate; a judged failure of settle = after is a loss.
      if (!own) assert.equal((await losses()) - lost, path === "/after" ? 1 : 0, "the loss counter");
      const again = await sendPaid(at(path), payment);
      assert.equal(isServed(again), false, brief(again));
      assert.equal((await chain.transfers({ from: payer.address, to: merchant })).length, own ? 1 : 0);
    }
  });
}

// Sends a payment of this payer and cancels it on the way.
async function lose(path, payer) {
  const payment = await paymentFor(path, payer);
  const runs = upstream.seen.length;
  beforeSettle = TRICKS["cancels the authorization"];
  const got = await sendPaid(at(path), payment);
  beforeSettle = undefined;
  assert.equal(isServed(got), false, brief(got));
  return upstream.seen.length - runs;
}

// Fails when losses are not counted by payer and route, or when the cool-down becomes a ban.
test("attack 7: after three losses in ten minutes that payer settles first on that route, and nobody else",
    async () => {
  const [thief, honest] = world.payers.slice(10);
  const lost = await losses();
  for (let i = 0; i < 3; ++i) assert.equal(await lose("/after", thief), 1, `loss ${i + 1}: the upstream worked`);
  assert.equal((await losses()) - lost, 3);
  for (let i = 0; i < 3; ++i) assert.equal(await lose("/after", thief), 0,
    "settled first: no work for a cancelled one");
  assert.equal((await losses()) - lost, 3, "nothing more is lost");
  assert.equal(await lose("/other", thief), 1, "another route of the same payer is as before");
  assert.equal(await lose("/after", honest), 1, "another payer on the same route too");
  // No ban: whoever pays is served, and paid for before the work.
  const order = [];
  relay.watch = ({ url }) => void (url === "/settle" && order.push(`settle after ${upstream.seen.length - runs} runs`));
  const runs = upstream.seen.length;
  const paid = await sendPaid(at("/after"), await paymentFor("/after", thief));
  relay.watch = undefined;
  assert.deepEqual([paid.status, isServed(paid), order], [200, true, ["settle after 0 runs"]], brief(paid));
  assert.equal(await metric(gateway, "x402_unpaid_served_total"), 0);
});

// On a public chain the cancellation is final long after the request was told "pending". Fails when only
// those losses count whose verdict comes while the request still waits: then a payer who asks for another
// query each time has the upstream work for ever, unpaid.
test("attack 7: a loss that is certain only after the request was told to wait counts as well", async () => {
  const payer = world.payers[15];
  const lost = await losses();
  const payments = [];
  // Once each, however often it is asked to settle: every block brings the end nearer.
  const cancelled = new Set();
  beforeSettle = async (payment) => {
    const { nonce } = payment.payload.authorization;
    if (cancelled.has(nonce)) return;
    cancelled.add(nonce);
    await cancel(payment);
  };
  for (let i = 0; i < 3; ++i) {
    const payment = await paymentFor(`/after?page=${i}`, payer);
    const got = await sendPaid(at(`/after?page=${i}`), payment);
    assert.deepEqual([got.status, got.body.error.code, isServed(got)], [409, "settlement_pending", false], brief(got));
    payments.push(payment);
  }
  beforeSettle = undefined;
  await world.mine(FINAL);
  for (const [i, payment] of payments.entries()) {
    await eventually(async () => (await sendPaid(at(`/after?page=${i}`), payment)).status === 402, {
      deadlineMs: 15_000, everyMs: 200, what: "a verdict" });
  }
  assert.equal((await losses()) - lost, 3, "losses that are counted");
  assert.equal(await lose("/after?page=4", payer), 0, "and this payer settles first now");
});

// Fails when a second signature is asked for while the first can still be taken.
test("attack 7: the balance leaves after the send was simulated: the mined failure is told, and not granted",
    async () => {
  const payer = world.payers[14];
  const payment = await paymentFor("/after", payer);
  await world.request("evm_setAutomine", [false]);
  const asked = sendPaid(at("/after"), payment);
  // The settlement waits in the pool; the payer's own transfer is mined before it.
  const from = world.accounts.facilitator1.address;
  const mined = await chain.nonceOf(from);
  for (;;) if ((await chain.nonceOf(from, "pending")) > mined) break;
  const data = world.encode("TestUsd", "transfer", [world.accounts.facilitator4.address,
    await chain.balanceOf(payer.address)]);
  await world.request("anvil_impersonateAccount", [payer.address]);
  const fee = "0x174876e800";
  await world.request("eth_sendTransaction", [{ from: payer.address, to: world.usdc, data, gas: "0x30d40",
    maxFeePerGas: fee, maxPriorityFeePerGas: fee }]);
  await world.mine();
  await world.request("evm_setAutomine", [true]);
  await world.mine(FINAL);
  const got = await asked;
  assert.equal(isServed(got), false, brief(got));
  assert.ok([402, 409].includes(got.status), brief(got));
  assert.equal((await chain.transfers({ from: payer.address, to: merchant })).length, 0);
  if (got.status === 402) assert.equal(decodeHeader(got.headers["payment-response"]).success, false);
});
