// SPDX-License-Identifier: Apache-2.0
//
// Roles that die, stop, start again and read their file anew: whatever the moment, a payment is
// made once, granted once and answered; and a store never has two masters.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { exactPayment } from "../lib/payments.mjs";
import { toToml } from "../lib/toml.mjs";
import { payFor, sendPaid, startRelay, startUpstream, wireRequest } from "../lib/wire.mjs";
import { gatewayConfig, paidRoute, startFacilitator, startGateway } from "../lib/x402bin.mjs";

const NETWORK = { poll: "20ms", stuck_after: "10m" };
const house = new House();
let world, chain, upstream, signers;
let reply = async () => {}; // what the upstream waits for

before(async () => {
  world = await house.add(startWorld({ payers: 12 }));
  chain = new Chain(world);
  upstream = await house.add(startUpstream(async (request, response) => {
    await reply();
    response.end(`SECRET ${request.url}`);
  }));
  signers = [world.accounts.facilitator1];
});

after(() => house.close());

const transfersOf = (payer) => chain.transfers({ from: payer.address });
const offerOf = async (gateway, path = "/weather") => (await wireRequest(gateway.url + path)).required.accepts[0];
const ask = (gateway, payment, path = "/weather") => sendPaid(gateway.url + path, payment, { agent: false });
const again = (role) => ({ dir: role.dir, listen: role.info.listen, admin: role.info.admin });

async function until200(gateway, payment) {
  return eventually(async () => {
    const got = await ask(gateway, payment);
    assert.notEqual(got.status, 402, JSON.stringify(got.body));
    return got.status === 200 && got;
  }, { deadlineMs: 20_000, everyMs: 100, what: "the answer to the same payment" });
}

for (const settle of ["after", "before"]) {
  test(`settle = ${settle}: killed between settlement and answer, the gateway answers the same payment`, async (t) => {
    const parts = houseOf(t);
    const payer = world.payers[settle === "after" ? 0 : 1];
    const facilitator = await parts.add(startFacilitator(world, { signers, network: NETWORK }));
    const relay = await parts.add(startRelay(facilitator.url));
    const options = { upstream: upstream.url, facilitators: [relay.url], routes: [paidRoute(world, { settle })],
      config: { pending_wait: "10s" } };
    const first = await parts.add(startGateway(world, options));
    const payment = await exactPayment(payer, await offerOf(first));
    relay.decide = ({ url }) => (url === "/settle" ? "lose" : "pass");
    const runs = upstream.seen.length;
    const cut = ask(first, payment).then((got) => got.status, () => "cut");
    await eventually(async () => (await transfersOf(payer)).length === 1, { what: "the transfer" });
    await first.kill();
    assert.equal(await cut, "cut");
    relay.decide = () => "pass";
    const second = await parts.add(startGateway(world, { ...options, ...again(first) }));
    const got = await until200(second, payment);
    const [transfer, ...more] = await transfersOf(payer);
    assert.equal(more.length, 0, "one transfer");
    assert.deepEqual([got.body, got.settlement.transaction], ["SECRET /weather", transfer.transaction]);
    assert.ok(upstream.seen.length - runs <= 2, "the work was done again at most once");
    // The first answer is told before its work is closed, so one that comes at once may have to wait.
    assert.deepEqual((await until200(second, payment)).body, "SECRET /weather", "and it stays so");
    assert.equal((await transfersOf(payer)).length, 1, "still one transfer");
  });
}

test("killed while the upstream works, nothing was sent; the same payment works after the restart", async (t) => {
  const parts = houseOf(t);
  const payer = world.payers[2];
  const options = { upstream: upstream.url, signers, network: NETWORK };
  const first = await parts.add(startGateway(world, options));
  const payment = await exactPayment(payer, await offerOf(first));
  const runs = upstream.seen.length;
  let release;
  reply = () => new Promise((resolve) => (release = resolve));
  const cut = ask(first, payment).catch(() => "cut");
  await eventually(() => upstream.seen.length > runs && release, { what: "the upstream's run" });
  await first.kill();
  await cut;
  reply = async () => {};
  release();
  const second = await parts.add(startGateway(world, { ...options, ...again(first) }));
  assert.equal((await transfersOf(payer)).length, 0);
  assert.equal((await until200(second, payment)).settlement.success, true);
  assert.equal((await transfersOf(payer)).length, 1);
});

test("facilitator and gateway both killed in the middle of a settlement: settled once, answered once", async (t) => {
  const parts = houseOf(t);
  const slow = await parts.add(startWorld({ payers: 1, blockTime: 1000 }));
  const there = new Chain(slow);
  const [payer] = slow.payers;
  const lane = [slow.accounts.facilitator1];
  const network = { ...NETWORK, settle_wait: "5s" };
  const facilitator = await parts.add(startFacilitator(slow, { signers: lane, network }));
  const options = { upstream: upstream.url, facilitators: [facilitator.url], config: { pending_wait: "10s" } };
  const gateway = await parts.add(startGateway(slow, options));
  const payment = await exactPayment(payer, await offerOf(gateway));
  const cut = ask(gateway, payment).catch(() => "cut");
  await eventually(async () => (await there.nonceOf(lane[0].address, "pending")) > 0, { what: "a send" });
  await facilitator.kill();
  await gateway.kill();
  assert.equal(await cut, "cut");
  await slow.mine();
  const facilitator2 = await parts.add(startFacilitator(slow, { signers: lane, network, ...again(facilitator) }));
  const gateway2 = await parts.add(startGateway(slow, { ...options, facilitators: [facilitator2.url],
      ...again(gateway) }));
  const got = await until200(gateway2, payment);
  const transfers = await there.transfers({ from: payer.address });
  assert.equal(transfers.length, 1);
  assert.equal(got.settlement.transaction, transfers[0].transaction);
  assert.equal((await there.transactionsFrom(lane[0].address)).length, 1);
});

test("a facilitator killed while the gateway waits: it comes back, and the waiting client gets its answer",
    async (t) => {
  const parts = houseOf(t);
  const slow = await parts.add(startWorld({ payers: 1, blockTime: 1000 }));
  const there = new Chain(slow);
  const [payer] = slow.payers;
  const lane = [slow.accounts.facilitator1];
  const facilitator = await parts.add(startFacilitator(slow, { signers: lane, network: NETWORK }));
  const gateway = await parts.add(startGateway(slow, {
    upstream: upstream.url, facilitators: [facilitator.url], config: { pending_wait: "20s" } }));
  const asked = payFor(`${gateway.url}/weather`, payer);
  await eventually(async () => (await there.nonceOf(lane[0].address, "pending")) > 0, { what: "a send" });
  await facilitator.kill();
  await parts.add(startFacilitator(slow, { signers: lane, network: NETWORK, ...again(facilitator) }));
  await slow.mine();
  const got = await asked;
  assert.deepEqual([got.status, got.settlement?.success], [200, true], JSON.stringify(got.body));
  assert.equal((await there.transfers({ from: payer.address })).length, 1);
});

test("32 paid requests in flight, killed three times: each payment is made once and answered", async (t) => {
  const parts = houseOf(t);
  const busy = await parts.add(startWorld({ payers: 32, blockTime: 1 }));
  const there = new Chain(busy);
  const lanes = [busy.accounts.facilitator1, busy.accounts.facilitator2];
  const options = { upstream: upstream.url, signers: lanes, network: NETWORK };
  let gateway = await parts.add(startGateway(busy, options));
  const payments = await Promise.all(busy.payers.map(async (payer) => exactPayment(payer, await offerOf(gateway))));
  const answers = new Map();
  const runs = upstream.seen.length;
  for (let life = 0; life < 3; ++life) {
    // Each life is cut a little later: at the first send, among the settlements, among the answers.
    const waiting = payments.filter((payment) => !answers.has(payment));
    const asked = waiting.map(async (payment) => {
      const got = await ask(gateway, payment).catch(() => undefined);
      if (got?.status === 200) answers.set(payment, got);
      else assert.notEqual(got?.status, 402, JSON.stringify(got?.body));
    });
    const nonces = async () => (await Promise.all(lanes.map(({ address }) => there.nonceOf(address, "pending"))));
    const moments = [async () => (await nonces()).some((nonce) => nonce > 0), () => answers.size > 0,
      () => answers.size > 16];
    await eventually(moments[life], { everyMs: 5, deadlineMs: 20_000, what: `the end of life ${life}` });
    await gateway.kill();
    await Promise.all(asked);
    gateway = await parts.add(startGateway(busy, { ...options, ...again(gateway) }));
  }
  for (const payment of payments) {
    const got = answers.get(payment) ?? (await until200(gateway, payment));
    const transfers = await there.transfers({ from: payment.payload.authorization.from });
    assert.deepEqual(transfers.map(({ transaction }) => transaction), [got.settlement.transaction]);
  }
  assert.equal((await there.transfers({ to: busy.accounts.merchant.address })).length, 32);
  assert.ok(upstream.seen.length - runs <= 32 * 4, "a run for each life at most");
});

test("a second role on the same store refuses to start and says who holds it", async (t) => {
  const parts = houseOf(t);
  const roles = {
    gateway: (options) => startGateway(world, { upstream: upstream.url, signers, network: NETWORK, ...options }),
    facilitator: (options) => startFacilitator(world, { signers, network: NETWORK, ...options }),
  };
  for (const [name, start] of Object.entries(roles)) {
    const first = await parts.add(start({}));
    const second = start({ dir: first.dir });
    await assert.rejects(second, (error) => {
      assert.match(error.message, /exit code 1/);
      assert.match(error.message, new RegExp(`${name}\\.db is in use: role=${name} pid=${first.pid}`));
      return true;
    });
    assert.equal((await wireRequest(`${first.admin ?? first.url}/health`)).status, 200);
    await first.kill();
    await parts.add(start({ dir: first.dir })); // a lock does not outlive its process
  }
});

test("SIGTERM: the request that runs gets its answer, new ones are turned away, the exit code is 0", async (t) => {
  const parts = houseOf(t);
  const gateway = await parts.add(startGateway(world, { upstream: upstream.url, signers, network: NETWORK }));
  const payment = await exactPayment(world.payers[3], await offerOf(gateway));
  let release;
  reply = () => new Promise((resolve) => (release = resolve));
  const asked = ask(gateway, payment);
  await eventually(() => release, { what: "the upstream's run" });
  const stopping = gateway.stop({ graceMs: 20_000 });
  await eventually(() => wireRequest(`${gateway.url}/weather`, { agent: false })
    .then(({ status }) => status === 503, () => true), { what: "the door is closed" });
  reply = async () => {};
  release();
  const got = await asked;
  assert.deepEqual([got.status, got.settlement.success], [200, true]);
  assert.deepEqual(await stopping, { code: 0, signal: null });
});

function writeConfig(gateway, options) {
  writeFileSync(join(gateway.dir, "gateway.toml"), toToml(gatewayConfig(world, options).config));
}

async function reload(gateway, word) {
  const count = () => readFileSync(gateway.log, "utf8").split(`"event":"${word}"`).length;
  const before = count();
  process.kill(gateway.pid, "SIGHUP");
  await eventually(() => count() > before, { what: `"${word}" in the log` });
}

test("SIGHUP: new prices for new offers, and payments that have a record keep theirs", async (t) => {
  const options = { upstream: upstream.url, signers, network: NETWORK, config: { store: "sqlite:gateway.db" } };
  const gateway = await houseOf(t).add(startGateway(world, options));
  const paid = await payFor(`${gateway.url}/weather`, world.payers[4]);
  assert.equal(paid.status, 200);
  const unsent = await exactPayment(world.payers[5], await offerOf(gateway));

  writeConfig(gateway, { ...options, routes: [paidRoute(world, { price: "$0.002" })] });
  await reload(gateway, "reloaded");
  assert.equal((await offerOf(gateway)).amount, "2000");
  const repeat = await ask(gateway, paid.payment);
  assert.deepEqual([repeat.status, repeat.body], [200, "SECRET /weather"]);
  const old = await ask(gateway, unsent);
  assert.deepEqual([old.status, old.required.accepts[0].amount], [402, "2000"]);
  assert.equal((await transfersOf(world.payers[5])).length, 0);

  writeConfig(gateway, { ...options, routes: [paidRoute(world, { match: "GET /other" })] });
  await reload(gateway, "reloaded");
  assert.equal((await wireRequest(`${gateway.url}/weather`)).status, 404);
});

test("SIGHUP: a file that is not good changes nothing", async (t) => {
  const options = { upstream: upstream.url, signers, network: NETWORK };
  const gateway = await houseOf(t).add(startGateway(world, options));
  const bad = {
    "a price of nothing": { routes: [paidRoute(world, { price: "$0" })] },
    "another store": { config: { store: "sqlite:other.db" } },
    "another listener": { listen: "127.0.0.1:1" },
    "an unknown key": { config: { colour: "blue" } },
  };
  for (const [name, change] of Object.entries(bad)) {
    await t.test(name, async () => {
      writeConfig(gateway, { ...options, ...change });
      await reload(gateway, "reload_refused");
      assert.equal((await offerOf(gateway)).amount, "1000");
    });
  }
  writeFileSync(join(gateway.dir, "gateway.toml"), "this is [ no toml");
  await reload(gateway, "reload_refused");
  const paid = await payFor(`${gateway.url}/weather`, world.payers[6]);
  assert.equal(paid.status, 200);
});
