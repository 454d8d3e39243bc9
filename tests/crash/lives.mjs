// SPDX-License-Identifier: Apache-2.0
//
// Lives of a process that is told where to die (x402/base/crash_point.hpp). A point reads
// "settlement.record_attempt#1:before": the name of a write or of an outer effect, its number in that
// life, the side. The binary must have been built with X402_TESTING.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { getAddress } from "viem";
import { tailOf } from "../lib/proc.mjs";

const GRACE_MS = 5000; // from the end of all calls to the death, for what comes after an answer

export const nameOf = (point) => point.slice(0, point.indexOf("#"));
export const sideOf = (point) => point.slice(point.indexOf(":") + 1);

// A payee of its own for every case: its whole balance is what the case moved.
export const freshAddress = () => getAddress(`0x${randomBytes(20).toString("hex")}`);

export const dieAt = (point) => ({ X402_CRASH_AT: point });
export const logTo = (folder, life) => ({ X402_CRASH_LOG: join(folder, `points-${life}.log`) });

// The points of a life, in their order.
export function pointsOf(folder, life) {
  const { X402_CRASH_LOG: file } = logTo(folder, life);
  if (!existsSync(file)) throw new Error(`no point was passed: is the binary built with X402_TESTING?`);
  return readFileSync(file, "utf8").trimEnd().split("\n");
}

// The role, or undefined where it died before it was ready.
export async function born(starting) {
  try {
    return await starting;
  } catch (error) {
    if (/signal SIGKILL/.test(error.message)) return undefined;
    throw error;
  }
}

// Waits for a role to die while somebody talks to it. talk: a promise that may end either way.
export async function dies(role, talk, point) {
  const talked = talk.then(() => {}, () => {}).then(() => sleep(GRACE_MS, undefined, { ref: false }));
  const outcome = await Promise.race([role.exited, talked]);
  if (!outcome) {
    await role.kill();
    assert.fail(`${role.name} did not die at ${point}\n${tailOf(role.log)}`);
  }
  assert.equal(outcome.signal, "SIGKILL", `${role.name} ended at ${point} by itself\n${tailOf(role.log)}`);
}

// Where to die a second time: at the same point if recovery passes it again, else in the midst of
// what it does pass after its start, else at its last point.
export function secondPoint(first, recovery) {
  // How often something is repeated is a matter of time, that it happens is not.
  const passed = recovery.filter((point) => point.includes("#1:"));
  const again = passed.find((point) => nameOf(point) === nameOf(first) && sideOf(point) === sideOf(first));
  const work = passed.filter((point) => !/^store\.|take_over|take_unfinished/.test(point));
  return again ?? work[work.length >> 1] ?? passed.at(-1);
}

// How many transfers there are when it dies, by a table { name: [before, after] }; `name#n` is stronger.
export function movedAt(table, point) {
  const [before, after] = table[point.slice(0, point.indexOf(":"))] ?? table[nameOf(point)];
  return sideOf(point) === "before" ? before : after;
}

// A number of places that cases take in turn.
export class Turns {
  #free;
  #waiting = [];

  constructor(places) {
    this.#free = [...places];
  }

  async with(action) {
    const place = this.#free.length > 0 ? this.#free.shift() : await new Promise((resolve) => this.#waiting.push(resolve));
    try {
      return await action(place);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(place);
      else this.#free.push(place);
    }
  }
}
