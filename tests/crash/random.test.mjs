// SPDX-License-Identifier: Apache-2.0
//
// The binary that people run, under load, with the kill at any moment: twenty times each of
// facilitator, gateway and client. When all have come to rest: one transfer for each payment, balances
// equal to the unit, every repeat names its transaction, and who paid has the answer.
// X402_CRASH_SEED repeats the moments of a run.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { House } from "../lib/house.mjs";
import { spawnBound, stopChild } from "../lib/proc.mjs";
import { askFacilitator, exactPayment } from "../lib/payments.mjs";
import { sendPaid, startUpstream, wireRequest } from "../lib/wire.mjs";
import { X402, newFolder, paidRoute, startFacilitator, startGateway, x402Pay } from "../lib/x402bin.mjs";

const KILLS = 20;
const CLIENTS = 24; // `x402 pay` runs, each killed at most once
const BUYERS = 6; // at once, besides
const PAYERS = 700;
const AMOUNT = 1000n;
const NETWORK = { poll: "50ms", stuck_after: "10m" };
const STORY_MS = 60_000; // the longest that a buyer may have to ask

const seed = Number(process.env.X402_CRASH_SEED ?? Math.floor(Math.random() * 2 ** 32));
const house = new House();
let world, chain, upstream;

// Mulberry32: small, and the same everywhere.
function chanceOf(start) {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

before(async () => {
  world = await house.add(startWorld({ payers: PAYERS, facilitators: 2, blockTime: 0.25 }));
  chain = new Chain(world);
  upstream = await house.add(startUpstream((request, response) => response.end(`bought ${request.url}`)));
});

after(() => house.close());

// A role that is started again on its old store whenever it was killed.
class Undying {
  constructor(start) {
    this.start = start;
  }
  async open() {
    this.role = await this.start({});
    return this;
  }
  get url() {
    return this.role.url;
  }
  async kill() {
    const { dir, info } = this.role;
    await this.role.kill();
    this.role = await this.start({ dir, listen: info.listen, admin: info.admin });
  }
  stop() {
    return this.role.stop();
  }
}

async function killAtTimes(role, chance) {
  for (let i = 0; i < KILLS; ++i) {
    await sleep(100 + chance() * 1400);
    await role.kill();
  }
}

// Asks until there is an answer: a seller that is away, or still at work, is asked again.
async function answerOf(ask, what) {
  for (const end = performance.now() + STORY_MS; performance.now() < end; await sleep(100)) {
    const got = await ask().catch(() => undefined);
    if (got?.status === 200) return got;
    const wait = !got || got.status === 409 || got.status >= 500;
    assert.ok(wait, `${what}: ${got?.status} ${JSON.stringify(got?.body)}`);
  }
  return assert.fail(`${what}: no answer within ${STORY_MS} ms`);
}

async function offerAt(url) {
  for (;;) {
    const got = await wireRequest(url, { agent: false }).catch(() => undefined);
    if (got?.status === 402) return got.required.accepts[0];
    await sleep(50);
  }
}

// A buyer that never dies: one payment, sent until it is answered.
async function buy(gateway, payer, path) {
  const payment = await exactPayment(payer, await offerAt(gateway.url + path));
  const ask = () => sendPaid(gateway.url + path, payment, { agent: false });
  const got = await answerOf(ask, path);
  assert.equal(got.body, `bought ${path}`);
  return { payer, path, payment, transaction: got.settlement.transaction };
}

// `x402 pay`, killed once at a random moment of its life; false: it was faster.
async function payAndDie(url, payer, home, moment) {
  const child = spawnBound(X402, ["pay", url, "--json", "--home", home, "--rpc", `${world.network}=${world.rpc}`],
    { env: { X402_EVM_KEY: payer.key }, stdio: ["ignore", "pipe", "ignore"] });
  let stdout = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  await Promise.race([sleep(moment), child.exited]);
  const { signal } = await stopChild(child, { signal: "SIGKILL" });
  return { killed: signal === "SIGKILL", told: readTold(stdout) };
}

function readTold(stdout) {
  const line = stdout.split("\n").find((each) => each.startsWith("{") && each.endsWith("}"));
  const told = line && JSON.parse(line);
  return told?.outcome === "settled" && told.status === 200 ? told : undefined;
}

// The same command again until it has the answer. Outcomes on the way must leave the way open.
async function payToTheEnd(gateway, payer, path, moment) {
  const url = gateway.url + path;
  const home = newFolder("home");
  let { killed, told } = await payAndDie(url, payer, home, moment);
  for (const end = performance.now() + STORY_MS; !told && performance.now() < end; ) {
    const run = await x402Pay(world, url, { payer, home });
    told = readTold(run.stdout);
    if (!told) assert.ok(["none", "unknown"].includes(run.results[0]?.outcome), run.stdout + run.stderr);
  }
  assert.equal(told?.body, `bought ${path}`, `${path}: no answer within ${STORY_MS} ms`);
  return { payer, path, killed, transaction: told.payment.transaction };
}

// Buyers come and go as long as somebody is being killed.
async function keepBuying(gateway, payers, isOver) {
  const bought = [];
  const line = async () => {
    while (!isOver() && payers.length > 0) bought.push(await buy(gateway, payers.shift(), `/${bought.length % 2 ? "before" : "after"}/${payers.length}`));
  };
  await Promise.all(Array.from({ length: BUYERS }, line));
  return bought;
}

async function keepPaying(gateway, payers, chance) {
  const jobs = [];
  let killed = 0;
  for (let i = 0; killed < KILLS; ++i) {
    const batch = payers.splice(0, Math.min(CLIENTS, KILLS - killed + 2));
    assert.ok(batch.length > 0 && i < 10, "clients are too fast to be killed");
    const done = await Promise.all(batch.map(async (payer, at) => {
      await sleep(chance() * 4000);
      return payToTheEnd(gateway, payer, `/after/client-${i}-${at}`, 5 + chance() * 300);
    }));
    killed += done.filter((job) => job.killed).length;
    jobs.push(...done);
  }
  return jobs;
}

test("killed twenty times each, they make every payment once and answer it", async (t) => {
  t.diagnostic(`X402_CRASH_SEED=${seed}`);
  const chance = [1, 2, 3].map((i) => chanceOf(seed + i));
  const signers = world.facilitators;
  const facilitator = await house.add(new Undying((old) =>
    startFacilitator(world, { signers, network: NETWORK, ...old })).open());
  const gateway = await house.add(new Undying((old) => startGateway(world, {
    upstream: upstream.url, facilitators: [facilitator.url], network: { poll: "50ms" },
    routes: [paidRoute(world, { match: "GET /after/*" }), paidRoute(world, { match: "GET /before/*", settle: "before" })],
    config: { pending_wait: "5s" }, ...old })).open());

  let over = false;
  const payers = [...world.payers];
  const clientPayers = payers.splice(0, 200);
  const deaths = Promise.all([
    killAtTimes(facilitator, chance[0]),
    killAtTimes(gateway, chance[1]),
    keepPaying(gateway, clientPayers, chance[2]),
  ]).finally(() => (over = true));
  const [bought, [, , paid]] = await Promise.all([keepBuying(gateway, payers, () => over), deaths]);
  t.diagnostic(`${bought.length} bought, ${paid.length} paid with x402 pay, ${paid.filter(({ killed }) => killed).length} of them killed`);

  const transfers = await chain.transfers({ to: world.accounts.merchant.address });
  const byPayer = Map.groupBy(transfers, ({ from }) => from);
  for (const { payer, path, transaction } of [...bought, ...paid])
    assert.deepEqual(byPayer.get(payer.address)?.map((each) => [each.transaction, each.value]), [[transaction, AMOUNT]], path);
  const count = bought.length + paid.length;
  assert.ok(bought.length > 50, "there was a load");
  assert.equal(transfers.length, count);
  assert.equal(await chain.balanceOf(world.accounts.merchant.address), AMOUNT * BigInt(count));

  for (const { path, payment, transaction } of bought) {
    const repeat = await answerOf(() => sendPaid(gateway.url + path, payment, { agent: false }), path);
    assert.deepEqual([repeat.body, repeat.settlement.transaction], [`bought ${path}`, transaction]);
    const { body } = await askFacilitator(facilitator.url, "settle", payment);
    assert.deepEqual([body.errorReason, body.transaction], ["duplicate_settlement", transaction]);
  }
});
