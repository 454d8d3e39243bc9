// SPDX-License-Identifier: Apache-2.0
//
// A chain that mines nothing until a test says so, beneath the reference's own client and facilitator.
// Whoever asks again while nothing is certain never pays a second time, and gets the one answer at last:
// also after the facilitator forgot, after the price changed, after the offer's quote has expired.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startWorld } from "../devnet/world.mjs";
import { runRefClient, startRefFacilitator } from "../interop/roles.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { brief, isServed, metric, reload, rewriteConfig } from "../lib/gw_kit.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { exactPayment } from "../lib/payments.mjs";
import { payFor, sendPaid, startRelay, startUpstream, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startFacilitator, startGateway } from "../lib/x402bin.mjs";

const NETWORK = { poll: "20ms", stuck_after: "10m", settle_wait: "400ms" };
const FINAL = 80; // blocks
const house = new House();
let world, chain, upstream, facilitator, payers;

before(async () => {
  world = await house.add(startWorld({ payers: 16, blockTime: 1000 }));
  chain = new Chain(world);
  payers = world.payers[Symbol.iterator]();
  upstream = await house.add(startUpstream((request, response, body) => response.end(`SECRET ${request.url} ${body}`)));
  facilitator = await house.add(startFacilitator(world, { network: NETWORK }));
});

after(() => house.close());

const nextPayer = () => payers.next().value;
const transfersOf = ({ address }) => chain.transfers({ from: address });
const start = (parts, options) => parts.add(startGateway(world, {
  upstream: upstream.url, facilitators: [facilitator.url], ...options }));

// Mines until the end of what is waited for, or until there is enough: the chain moves on again.
async function whileMining(waited, isEnough = () => false) {
  let isOver = false;
  const ended = waited.finally(() => (isOver = true));
  while (!isOver && !(await isEnough())) {
    await world.mine();
    await Promise.race([ended.catch(() => {}), sleep(50)]);
  }
  return ended;
}

// Fails when a second signature of the same payer for the same request is settled beside the first.
test("the reference client called twice over a stalled chain: one transfer, the second call gets the earlier answer",
    async (t) => {
  const routes = [paidRoute(world, { match: "POST /order" })];
  const gateway = await start(houseOf(t), { routes, config: { pending_wait: "1s" } });
  const payer = nextPayer();
  const ask = (body) => runRefClient(`${gateway.url}/order`, { key: payer.key, method: "POST", body });
  const runs = upstream.seen.length;
  const first = await ask("one");
  assert.equal(first.status, 409, JSON.stringify(first));
  // The second call comes while the first is pending, is told the same, and a third one waits.
  const second = await ask("one");
  assert.equal(second.status, 409, JSON.stringify(second));
  assert.equal(second.payment.transaction, first.payment.transaction, "the one transaction");
  assert.equal(upstream.seen.length - runs, 1, "the work was done once");
  assert.equal((await transfersOf(payer)).length, 0);
  const waiting = () => metric(gateway, "x402_refused_total", { reason: "settlement_pending" });
  assert.equal(await waiting(), 2);
  await world.mine();
  const third = await eventually(async () => {
    const answer = await ask("one");
    assert.ok([200, 409].includes(answer.status), JSON.stringify(answer));
    return answer.status === 200 && answer;
  }, { deadlineMs: 20_000, what: "the earlier answer" });
  assert.equal(third.body, "SECRET /order one");
  const [transfer, ...more] = await transfersOf(payer);
  assert.deepEqual([more.length, third.payment.transaction], [0, transfer.transaction]);
  assert.equal(upstream.seen.length - runs, 1);
  // Another body is another order, and is paid for on its own.
  const other = await whileMining(ask("two"));
  assert.ok(other.status === 200 ? other.body === "SECRET /order two" : other.status === 409, JSON.stringify(other));
  await eventually(async () => (await transfersOf(payer)).length === 2, { what: "its own transfer" });
});

// Fails when success:false of a facilitator that may have settled is believed: then the payer is invited
// to pay twice, or the paid answer is lost.
test("the reference facilitator mines, its answer is lost, then it says success:false: one payment, proof, answer",
    async (t) => {
  const parts = houseOf(t);
  const reference = await parts.add(startRefFacilitator(world, { signer: world.accounts.facilitator2, pollMs: 50 }));
  const relay = await parts.add(startRelay(reference.info.url));
  const gateway = await start(parts, { facilitators: [relay.url], config: { pending_wait: "2s" } });
  const url = `${gateway.url}/weather`;
  const payer = nextPayer();
  let settles = 0;
  const said = [];
  relay.decide = ({ url: path }) => (path === "/settle" && ++settles === 1 ? "lose" : "pass");
  relay.watch = ({ url: path }) => (path === "/settle" ? ({ bytes }) => void said.push(JSON.parse(bytes)) : undefined);
  const runs = upstream.seen.length;
  const first = await whileMining(payFor(url, payer), async () => (await transfersOf(payer)).length > 0);
  assert.deepEqual([first.status, isServed(first), first.required], [409, false, undefined], brief(first));
  assert.equal((await transfersOf(payer)).length, 1, "it has mined");
  await eventually(() => said.length > 1, { what: "the reference's answer to the repeat" });
  assert.equal(said[0].success, true, "which was lost");
  assert.equal(said[1].success, false, `and now it says: ${JSON.stringify(said[1])}`);
  // Asking again, with the same payment or with a new one: no invitation, nothing settled.
  const same = await sendPaid(url, first.payment);
  assert.deepEqual([same.status, same.required], [409, undefined], brief(same));
  const fresh = await payFor(url, payer);
  assert.deepEqual([fresh.status, fresh.required], [409, undefined], brief(fresh));
  assert.equal((await transfersOf(payer)).length, 1);
  // Once the transfer is final the chain itself is the proof.
  await world.mine(FINAL);
  const got = await eventually(async () => {
    const answer = await sendPaid(url, first.payment);
    assert.notEqual(answer.status, 402, brief(answer));
    return answer.status === 200 && answer;
  }, { deadlineMs: 20_000, everyMs: 200, what: "the answer" });
  const [transfer, ...more] = await transfersOf(payer);
  assert.deepEqual([more.length, got.settlement.transaction], [0, transfer.transaction]);
  assert.equal(upstream.seen.length - runs, 1, "one run for all of it");
  assert.equal(await chain.isAuthorizationUsed(payer.address, fresh.payment.payload.authorization.nonce), false,
    "the second signature was never used");
});

// Fails when price, quote or expiry are looked at for a payment that has a record.
test("another price and an expired quote between payment and repeat: the same answer", async (t) => {
  const short = { max_timeout_seconds: 13, upstream_timeout: "1s" };
  const options = { upstream: upstream.url, facilitators: [facilitator.url], config: { pending_wait: "1s" },
    routes: [paidRoute(world, short)] };
  const gateway = await start(houseOf(t), options);
  const url = `${gateway.url}/weather`;
  const [paidBefore, pending] = [nextPayer(), nextPayer()];
  const done = await whileMining(payFor(url, paidBefore));
  const answered = done.status === 200 ? done : await sendPaid(url, done.payment);
  assert.equal(answered.status, 200, brief(answered));
  const open = await payFor(url, pending);
  assert.equal(open.status, 409, brief(open));

  rewriteConfig(world, gateway, { ...options, routes: [paidRoute(world, { ...short, price: "$0.5" })] });
  await reload(gateway);
  await world.mine();
  const until = Number(open.payment.payload.authorization.validBefore) * 1000 + 1500;
  await sleep(Math.max(0, until - Date.now()));
  assert.equal((await wireRequest(url)).required.accepts[0].amount, "500000", "the new price");
  for (const { payment } of [answered.payment ? answered : done, open]) {
    const got = await eventually(async () => {
      const answer = await sendPaid(url, payment);
      assert.notEqual(answer.status, 402, brief(answer));
      return answer.status === 200 && answer;
    }, { what: "the answer at the old price" });
    assert.equal(got.body, "SECRET /weather ");
    const transfers = await chain.transfers({ from: payment.payload.authorization.from });
    assert.deepEqual(transfers.map(({ transaction, value }) => [transaction, value]),
      [[got.settlement.transaction, 1000n]]);
  }
});

// Fails when whoever has paid loses the answer because the operator edits the routes meanwhile.
test("a route that is renamed, made free or removed between payment and repeat: who has paid gets the answer",
    async (t) => {
  const options = { upstream: upstream.url, facilitators: [facilitator.url], config: { pending_wait: "1s" },
    routes: [paidRoute(world)] };
  const changes = {
    "renamed": [paidRoute(world, { match: "GET /:anything", price: "$0.002" })],
    "another settlement moment": [paidRoute(world, { settle: "before" })],
    "made free": [{ match: "GET /weather", free: true }, paidRoute(world, { match: "GET /other" })],
    "removed": [paidRoute(world, { match: "GET /other" })],
  };
  for (const [name, routes] of Object.entries(changes)) {
    await t.test(name, async (tt) => {
      const gateway = await start(houseOf(tt), options);
      const url = `${gateway.url}/weather`;
      const open = await payFor(url, nextPayer());
      assert.equal(open.status, 409, brief(open));
      rewriteConfig(world, gateway, { ...options, routes });
      await reload(gateway);
      await world.mine();
      const got = await eventually(async () => {
        const answer = await sendPaid(url, open.payment);
        return answer.status !== 409 && answer;
      }, { what: "an answer" });
      assert.deepEqual([got.status, isServed(got)], [200, true], brief(got));
      assert.equal((await transfersOf({ address: open.payment.payload.authorization.from })).length, 1);
    });
  }
});

// Fails when a facilitator that never moved anything makes a payer wait for ever: unused and no longer
// usable is proof as well. The last test of this file: the chain's clock runs ahead from here on.
test("the reference facilitator loses the request itself: nothing is taken, and at the end the payment is released",
    async (t) => {
  const parts = houseOf(t);
  const reference = await parts.add(startRefFacilitator(world, { signer: world.accounts.facilitator2, pollMs: 50 }));
  const relay = await parts.add(startRelay(reference.info.url));
  const routes = [paidRoute(world, { max_timeout_seconds: 16, upstream_timeout: "1s" })];
  const gateway = await start(parts, { facilitators: [relay.url], routes, config: { pending_wait: "1s" } });
  const url = `${gateway.url}/weather`;
  const payer = nextPayer();
  relay.decide = ({ url: path }) => (path === "/settle" ? { status: 504,
    body: "<html>gateway timeout</html>" } : "pass");
  const first = await payFor(url, payer);
  assert.deepEqual([first.status, first.required], [409, undefined], brief(first));
  await world.mine(1, 20); // the chain's clock passes validBefore
  await world.mine(FINAL);
  const got = await eventually(async () => {
    const answer = await sendPaid(url, first.payment);
    return answer.status === 402 && answer;
  }, { deadlineMs: 25_000, everyMs: 250, what: "the release" });
  assert.ok(got.required.accepts.length > 0, "now a new payment is right");
  assert.equal((await transfersOf(payer)).length, 0);
});
