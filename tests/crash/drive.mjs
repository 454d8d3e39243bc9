// SPDX-License-Identifier: Apache-2.0
//
// The lives and deaths of a case, on any chain. A case tells of its payment: transfers(), which the chain
// knows of it, and checkMoney(transaction), its last word. open(): a new case.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../lib/check.mjs";
import { tailOf } from "../lib/proc.mjs";
import { born, dieAt, dies, logTo, movedAt, nameOf, pointsOf, secondPoint } from "./lives.mjs";

const IDLE_MS = 62_000;

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
    await c.checkMoney(transaction);
    assert.deepEqual(await role.stop(), { code: 0, signal: null }, tailOf(role.log));
  } finally {
    await role.kill();
  }
  return pointsOf(c.dir, c.life);
}

// A node answers a send before it has mined the block.
async function checkMoved(c, point) {
  const want = movedAt(c.scenario.points, point);
  const moved = async () => (await c.transfers()).length;
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

export const killed = (open, points) => aimed(() => killedOnce(open, points));

async function killedOnce(open, points) {
  const c = await open();
  await c.scenario.open(c);
  await live(c, points[0]);
  await checkMoved(c, points[0]);
  for (const point of points.slice(1)) await live(c, point);
  return lastLife(c);
}

// What one life without a death passes.
export async function dryRun(c) {
  const { scenario } = c;
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

export function checkTable(scenario, points) {
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

// open(signer): a new case. lanes: Turns of signers.
export async function killServer(t, scenario, lanes, open) {
  const points = await lanes.with(async (signer) => dryRun(await open(signer)));
  checkTable(scenario, points);
  await Promise.all(points.filter((point) => isChosen(scenario, point)).map(async (point) => {
    let recovery;
    await t.test(`${point}, once`, () => lanes.with(async (signer) => {
      recovery = await killed(() => open(signer), [point]);
    }));
    if (!recovery) return; // told by the case above
    const second = scenario.byHand ? point.replace(/#\d+/, "#1") : secondPoint(point, recovery);
    await t.test(`${point}, then ${second}`, () => lanes.with((signer) => killed(() => open(signer), [point, second])));
  }));
}

export async function killClient(t, scenario, open) {
  const points = await scenario.dryRun(await open());
  checkTable(scenario, points);
  const chosen = points.filter((point) => isChosen({ births: true, ...scenario }, point));
  await Promise.all(chosen.map(async (point) => {
    let recovery;
    const run = (deaths) => aimed(async () => {
      const c = await open();
      const done = await scenario.killed(c, deaths, () => checkMoved(c, deaths[0]));
      await c.checkMoney(done.transaction);
      return done.points;
    });
    await t.test(`${point}, once`, async () => { recovery = await run([point]); });
    if (!recovery || recovery.length === 0) return;
    const second = secondPoint(point, recovery);
    await t.test(`${point}, then ${second}`, () => run([point, second]));
  }));
}
