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
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { House } from "../lib/house.mjs";
import { exactPayment, exactRequirements } from "../lib/payments.mjs";
import { ROOT } from "../lib/proc.mjs";
import { startUpstream } from "../lib/wire.mjs";
import { newFolder, startFacilitator, startGateway } from "../lib/x402bin.mjs";
import { CLIENT_SCENARIOS, clientRoutes } from "./clients.mjs";
import { checkTable, dryRun, killClient, killServer, killed } from "./drive.mjs";
import { Turns, freshAddress } from "./lives.mjs";
import { AMOUNT, NETWORK, SCENARIOS, answerAsUpstream } from "./servers.mjs";

const LANES = 4; // servers at once, each with a signer of its own
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
  const c = { id, scenario, signer, facilitator, gateway, upstream, world: place.world, chain: place.chain,
    dir: newFolder("crash"), life: 0, payer: place.world.payers[id - 1], payTo: freshAddress() };
  c.terms = () => exactRequirements(c.world, { payTo: c.payTo });
  c.pay = (terms) => exactPayment(c.payer, terms);
  c.transfers = () => c.chain.transfers({ from: c.payer.address });
  c.checkMoney = (transaction) => checkMoney(c, transaction);
  return c;
}

async function checkMoney(c, transaction) {
  const transfers = await c.transfers();
  assert.deepEqual(transfers.map((each) => [each.transaction, each.value]), [[transaction, AMOUNT]], "one transfer, the one it names");
  if (c.scenario.role !== "client") assert.equal(await c.chain.balanceOf(c.payTo), AMOUNT);
  assert.equal(await c.chain.balanceOf(c.payer.address), 1000_000_000n - AMOUNT);
}

// Waiting costs nobody a lane: these signers send nothing while others do.
async function killLater(t, scenario) {
  const open = () => newCase(scenario);
  const second = "grant.take_over#1:after";
  const sides = scenario.only.flatMap((number) => [`${number}:before`, `${number}:after`]);
  await Promise.all([
    t.test("the dry run", async () => checkTable(scenario, await dryRun(open()))),
    ...sides.map((point) => t.test(`${point}, once`, () => killed(open, [point]))),
    ...sides.map((point) => t.test(`${point}, then ${second}`, () => killed(open, [point, second]))),
  ]);
}

describe("killed at every point", { concurrency: SCENARIOS_AT_ONCE }, () => {
  for (const scenario of SCENARIOS) {
    test(scenario.name, { concurrency: MANY }, (t) => {
      if (scenario.slow) return killLater(t, scenario);
      return killServer(t, scenario, placeOf(scenario).lanes, (signer) => newCase(scenario, signer));
    });
  }
  for (const scenario of CLIENT_SCENARIOS) {
    test(scenario.name, { concurrency: MANY }, (t) => killClient(t, scenario, () => newCase(scenario)));
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
