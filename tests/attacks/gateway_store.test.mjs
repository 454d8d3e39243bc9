// SPDX-License-Identifier: Apache-2.0
//
// A store that cannot be written, at the three moments that matter: before the claim, before the intent
// to settle, and after the money has moved. Without a record nothing is worked, settled or told; with the
// store back, the same payment gets what it is worth.

import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { FAST, brief, isServed } from "../lib/gw_kit.mjs";
import { House } from "../lib/house.mjs";
import { exactPayment } from "../lib/payments.mjs";
import { payFor, sendPaid, startRelay, startUpstream, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startFacilitator, startGateway } from "../lib/x402bin.mjs";

const house = new House();
let world, chain, upstream, relay, gateway, payers, file;
let whileWorking = async () => {};

before(async () => {
  world = await house.add(startWorld({ payers: 8 }));
  chain = new Chain(world);
  payers = world.payers[Symbol.iterator]();
  upstream = await house.add(startUpstream(async (_request, response) => {
    await whileWorking();
    response.end("SECRET");
  }));
  const facilitator = await house.add(startFacilitator(world, { network: FAST }));
  relay = await house.add(startRelay(facilitator.url));
  const routes = [paidRoute(world, { match: "GET /after" }), paidRoute(world, { match: "GET /before",
    settle: "before" })];
  gateway = await house.add(startGateway(world, { upstream: upstream.url, facilitators: [relay.url], routes,
    config: { pending_wait: "3s" } }));
  file = join(gateway.dir, "gateway.db");
});

after(() => house.close());

const nextPayer = () => payers.next().value;
const at = (path) => `${gateway.url}${path}`;
const transfersOf = ({ address }) => chain.transfers({ from: address });
const countRuns = () => upstream.seen.length;

// Another process that holds the one writer's lock, as a backup program may.
function lockStore() {
  const database = new DatabaseSync(file);
  database.exec("BEGIN IMMEDIATE");
  return () => {
    database.exec("ROLLBACK");
    database.close();
  };
}

async function untilServed(path, payment) {
  return eventually(async () => {
    const got = await sendPaid(at(path), payment);
    assert.notEqual(got.status, 402, brief(got));
    return got.status === 200 && got;
  }, { deadlineMs: 20_000, everyMs: 100, what: "the answer" });
}

for (const path of ["/after", "/before"]) {
  // Fails open when a claim that could not be written is treated as made.
  test(`attack 2: ${path}: a store that is locked before the claim: 503, no work, nothing taken`, async () => {
    const payer = nextPayer();
    const payment = await exactPayment(payer, (await wireRequest(at(path))).required.accepts[0]);
    const runs = countRuns();
    const unlock = lockStore();
    const got = await sendPaid(at(path), payment).finally(unlock);
    assert.deepEqual([got.status, isServed(got), got.required], [503, false, undefined], brief(got));
    assert.ok(Number(got.headers["retry-after"]) >= 1);
    assert.equal(countRuns(), runs);
    assert.equal((await transfersOf(payer)).length, 0);
    assert.ok(isServed(await untilServed(path, payment)), "the same payment works once the store is back");
    assert.equal((await transfersOf(payer)).length, 1);
  });

  // Fails when money that has moved is told, or forgotten, although nobody could write it down.
  test(`attack 2: ${path}: a store that is locked while the money moves: nobody is told before it is written`,
      async () => {
    const payer = nextPayer();
    const payment = await exactPayment(payer, (await wireRequest(at(path))).required.accepts[0]);
    let unlock;
    relay.watch = ({ url }) => (url === "/settle" ? () => { unlock ??= lockStore(); } : undefined);
    let answered = false;
    const asked = sendPaid(at(path), payment).finally(() => (answered = true));
    await eventually(async () => unlock && (await transfersOf(payer)).length === 1, { what: "the transfer" });
    relay.watch = undefined;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(answered, false, "no word while it is not written");
    unlock();
    const got = await asked;
    assert.ok(isServed(got) || got.status === 409 || got.status === 503, brief(got));
    assert.equal(got.required, undefined, "no invitation to pay again");
    const served = isServed(got) ? got : await untilServed(path, payment);
    const [transfer, ...more] = await transfersOf(payer);
    assert.deepEqual([more.length, served.settlement.transaction], [0, transfer.transaction]);
  });
}

// Fails when a settlement begins before its intent is durable: a crash would then forget that money moved.
test("attack 2: a store that is locked before the intent: nothing is settled until it is written", async () => {
  const payer = nextPayer();
  let unlock;
  whileWorking = async () => { unlock ??= lockStore(); };
  const settles = () => relay.seen.filter(({ url }) => url === "/settle").length;
  const before = settles();
  const asked = payFor(at("/after"), payer);
  await eventually(() => unlock, { what: "the upstream's run" });
  whileWorking = async () => {};
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.equal(settles(), before, "not asked to settle");
  assert.equal((await transfersOf(payer)).length, 0);
  unlock();
  const got = await asked;
  assert.equal(isServed(got), (await transfersOf(payer)).length === 1, brief(got));
  assert.equal(got.required, undefined);
  const served = isServed(got) ? got : await untilServed("/after", got.payment);
  assert.equal((await transfersOf(payer)).length, 1);
  assert.ok(isServed(served));
});
