// SPDX-License-Identifier: Apache-2.0
//
// Every write of a store and every effect on the outside has a number. A dry run finds them; then each
// is killed before and after, once and twice in a row, in facilitator, gateway and client: the payment
// is made once, every repeat names its transaction, and who paid gets the answer. Runs on a binary
// built with X402_TESTING (X402_BIN=build/asan/x402).

import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { House } from "../lib/house.mjs";
import { ROOT, tailOf } from "../lib/proc.mjs";
import { startUpstream } from "../lib/wire.mjs";
import { newFolder, startFacilitator, startGateway } from "../lib/x402bin.mjs";
import { CLIENT_SCENARIOS, clientRoutes } from "./clients.mjs";
import { Turns, born, dieAt, dies, freshAddress, logTo, movedAt, nameOf, pointsOf, secondPoint } from "./lives.mjs";
import { AMOUNT, NETWORK, SCENARIOS, answerAsUpstream } from "./servers.mjs";

const LANES = 4; // servers at once, each with a signer of its own
const IDLE_MS = 62_000;
// More at once only make a small machine late, and what is late dies elsewhere.
const SCENARIOS_AT_ONCE = 8;
const MANY = 12;

const house = new House();
let upstream, facilitator, gateway;
let quick, byHand; // { world, chain, lanes, cases }: a block for every transaction; one when it is told to

async function openPlace(options, lanes) {
  const world = await house.add(startWorld(options));
  return { world, chain: new Chain(world), lanes: new Turns(world.facilitators.slice(-lanes)), cases: 0 };
}

before(async () => {
  quick = await openPlace({ payers: 500, facilitators: LANES + 1 }, LANES);
  byHand = await openPlace({ payers: 50, facilitators: 1, blockTime: 1000 }, 1);
  const { world } = quick;
  upstream = await house.add(startUpstream(answerAsUpstream()));
  const [shared] = world.facilitators;
  facilitator = await house.add(startFacilitator(world, { signers: [shared], network: NETWORK }));
  gateway = await house.add(startGateway(world, {
    upstream: upstream.url, facilitators: [facilitator.url], routes: clientRoutes(world),
    config: { pending_wait: "1s" } }));
});

after(() => house.close());

const placeOf = (scenario) => (scenario.byHand ? byHand : quick);

function newCase(scenario, signer) {
  const place = placeOf(scenario);
  const id = ++place.cases;
  return { id, scenario, signer, facilitator, gateway, upstream, world: place.world, chain: place.chain,
    dir: newFolder("crash"), life: 0, payer: place.world.payers[id - 1], payTo: freshAddress() };
}

const transfersOf = (c) => c.chain.transfers({ from: c.payer.address });

async function checkMoney(c, transaction) {
  const transfers = await transfersOf(c);
  assert.deepEqual(transfers.map((each) => [each.transaction, each.value]), [[transaction, AMOUNT]], "one transfer, the one it names");
  if (c.scenario.role !== "client") assert.equal(await c.chain.balanceOf(c.payTo), AMOUNT);
  assert.equal(await c.chain.balanceOf(c.payer.address), 1000_000_000n - AMOUNT);
}

async function callAndWait(c, role) {
  const answer = await c.scenario.call(c, role);
  if (c.scenario.slow) await sleep(IDLE_MS);
  return answer;
}

// A life that ends at this point. In the first the buyer asks once, in the next as often as he must; where
// it takes a repeat of his to have a block, he waits in every life but the last.
async function live(c, point) {
  const waits = c.life === 0 || c.scenario.byHand;
  c.life += 1;
  const role = await born(c.scenario.start(c, { ...dieAt(point), ...logTo(c.dir, c.life) }));
  if (role) await dies(role, waits ? callAndWait(c, role) : c.scenario.finish(c, role), point);
  assert.equal(pointsOf(c.dir, c.life).at(-1), point);
}

async function lastLife(c) {
  c.life += 1;
  const role = await c.scenario.start(c, logTo(c.dir, c.life));
  try {
    const transaction = await c.scenario.finish(c, role);
    await checkMoney(c, transaction);
    assert.deepEqual(await role.stop(), { code: 0, signal: null }, tailOf(role.log));
  } finally {
    await role.kill();
  }
  return pointsOf(c.dir, c.life);
}

// A node answers a send before it has mined the block.
async function checkMoved(c, point) {
  const want = movedAt(c.scenario.points, point);
  const moved = async () => (await transfersOf(c)).length;
  if (want > 0) await eventually(async () => (await moved()) === want, { everyMs: 10, what: `${want} transfer at ${point}` });
  assert.equal(await moved(), want, `what had moved when it died at ${point}`);
}

// How often a point is passed may depend on how fast the machine is. One that was not reached is aimed at anew,
// with another payment; what is wrong after a death is wrong at once.
async function aimed(work) {
  for (let tries = 1; ; ++tries) {
    try {
      return await work();
    } catch (error) {
      if (tries === 3 || !/did not die at/.test(error.message)) throw error;
    }
  }
}

const killed = (scenario, points, signer) => aimed(() => killedOnce(scenario, points, signer));

async function killedOnce(scenario, points, signer) {
  const c = newCase(scenario, signer);
  await scenario.open(c);
  await live(c, points[0]);
  await checkMoved(c, points[0]);
  for (const point of points.slice(1)) await live(c, point);
  return lastLife(c);
}

// What one life without a death passes.
async function dryRun(scenario, signer) {
  const c = newCase(scenario, signer);
  c.life = 1;
  await scenario.open(c);
  const role = await scenario.start(c, logTo(c.dir, 1));
  try {
    await callAndWait(c, role);
    if (!scenario.only) await scenario.finish(c, role);
    await role.stop();
  } finally {
    await role.kill();
  }
  return pointsOf(c.dir, 1);
}

function checkTable(scenario, points) {
  const found = new Set(points.map(nameOf));
  const known = new Set(Object.keys(scenario.points).map((key) => key.split("#")[0]));
  const may = new Set(scenario.may);
  assert.deepEqual([...found].filter((name) => !known.has(name) && !may.has(name)), [], "points without a case");
  assert.deepEqual([...known].filter((name) => !found.has(name)), [], "cases without a point");
}

const isBirth = (point) => /^store\.|\.take_over/.test(point);

function isChosen(scenario, point) {
  const [number] = point.split(":");
  if (scenario.only) return scenario.only.includes(number);
  // A second time that the table does not know is one of a slow machine, and need not come again.
  if (!number.endsWith("#1") && !(number in scenario.points)) return false;
  return scenario.births || !isBirth(point);
}

async function killEach(t, points, scenario) {
  const { lanes } = placeOf(scenario);
  await Promise.all(points.map(async (point) => {
    let recovery;
    await t.test(`${point}, once`, () => lanes.with(async (signer) => {
      recovery = await killed(scenario, [point], signer);
    }));
    if (!recovery) return; // told by the case above
    const second = scenario.byHand ? point.replace(/#\d+/, "#1") : secondPoint(point, recovery);
    await t.test(`${point}, then ${second}`, () => lanes.with((signer) => killed(scenario, [point, second], signer)));
  }));
}

// Waiting costs nobody a lane: these signers send nothing while others do.
async function killLater(t, scenario) {
  const second = "grant.take_over#1:after";
  const sides = scenario.only.flatMap((number) => [`${number}:before`, `${number}:after`]);
  await Promise.all([
    t.test("the dry run", async () => checkTable(scenario, await dryRun(scenario))),
    ...sides.map((point) => t.test(`${point}, once`, () => killed(scenario, [point]))),
    ...sides.map((point) => t.test(`${point}, then ${second}`, () => killed(scenario, [point, second]))),
  ]);
}

describe("killed at every point", { concurrency: SCENARIOS_AT_ONCE }, () => {
  for (const scenario of SCENARIOS) {
    test(scenario.name, { concurrency: MANY }, async (t) => {
      if (scenario.slow) return killLater(t, scenario);
      const points = await placeOf(scenario).lanes.with((signer) => dryRun(scenario, signer));
      checkTable(scenario, points);
      return killEach(t, points.filter((point) => isChosen(scenario, point)), scenario);
    });
  }
  for (const scenario of CLIENT_SCENARIOS) {
    test(scenario.name, { concurrency: MANY }, async (t) => {
      const open = () => newCase(scenario);
      const points = await scenario.dryRun(open());
      checkTable(scenario, points);
      const chosen = points.filter((point) => isChosen({ births: true, ...scenario }, point));
      await Promise.all(chosen.map(async (point) => {
        let recovery;
        const run = (deaths) => aimed(async () => {
          const c = open();
          const done = await scenario.killed(c, deaths, () => checkMoved(c, deaths[0]));
          await checkMoney(c, done.transaction);
          return done.points;
        });
        await t.test(`${point}, once`, async () => { recovery = await run([point]); });
        if (!recovery || recovery.length === 0) return;
        const second = secondPoint(point, recovery);
        await t.test(`${point}, then ${second}`, () => run([point, second]));
      }));
    });
  }
});

// A name in the code that no scenario reaches would never be killed.
test("every point in the code has a case", () => {
  // What the rules refuse before it is written.
  const never = new Set(["grant.illegal", "journal.illegal", "journal.note"]);
  const files = globSync("x402/**/*.cpp", { cwd: ROOT }).filter((file) => !file.endsWith("_test.cpp"));
  const text = files.map((file) => readFileSync(join(ROOT, file), "utf8")).join("");
  const hooks = [...text.matchAll(/X402_CRASH_POINT\("([^"]+)"/g)].map((found) => found[1]);
  const writes = [...text.matchAll(/"((?:settlement|grant|journal)\.[a-z_]+)"/g)].map((found) => found[1]);
  const names = new Set([...hooks, ...writes]);
  const known = new Set([...SCENARIOS, ...CLIENT_SCENARIOS].flatMap(({ points }) => Object.keys(points).map((key) => key.split("#")[0])));
  assert.ok(names.size > 20);
  assert.deepEqual([...names].filter((name) => !never.has(name) && !known.has(name)), []);
});
