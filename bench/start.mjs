// SPDX-License-Identifier: Apache-2.0
//
// From the start of the process to its ready line: what a restart costs, on an empty store and on
// the store that the process before has left.

import { opening } from "./lib/started.mjs";
import { median, percentile } from "./lib/stats.mjs";
import { startWorld } from "../tests/devnet/world.mjs";
import { startFacilitator, startGateway } from "../tests/lib/x402bin.mjs";

const STARTS = 20;
const MOST_MS = 50;
const UPSTREAM = "http://127.0.0.1:9"; // nothing is asked of it

async function timeStart(start) {
  const began = performance.now();
  const role = await start();
  const ms = performance.now() - began;
  await role.stop();
  return { ms, dir: role.dir };
}

// Milliseconds of each of STARTS starts; `start` gets the folder of the one before, or nothing.
async function times(start, { again }) {
  const all = [];
  let dir;
  for (let i = 0; i < STARTS; ++i) {
    const one = await timeStart(() => start(again && dir ? { dir } : {}));
    dir = one.dir;
    all.push(one.ms);
  }
  return all;
}

async function measure(world, facilitators) {
  const gateway = (more) => startGateway(world, { upstream: UPSTREAM, facilitators, ...more });
  const fresh = await times(gateway, { again: false });
  const again = await times(gateway, { again: true });
  const facilitator = await times((more) => startFacilitator(world, more), { again: false });
  return {
    freshMs: median(fresh),
    slowestMs: percentile(fresh, 1),
    againMs: median(again),
    facilitatorMs: median(facilitator),
    faults: [],
  };
}

export const benchmark = {
  name: "start",
  title: "Time to be ready",
  about:
    "From the moment at which the process is asked for to its line `\"ready\":true`, the median of " +
    `${STARTS} starts: a gateway that makes its store, a gateway on the store of the one before, ` +
    "and a facilitator. The gateway asks a facilitator what it supports before it is ready, the " +
    "facilitator asks the chain. Making the process, and a small program that binds its life to " +
    "ours, are part of it.",
  sides: [{ id: "ours", label: "x402" }],
  figures: [
    { key: "freshMs", label: "gateway ms" },
    { key: "slowestMs", label: "slowest ms" },
    { key: "againMs", label: "again ms" },
    { key: "facilitatorMs", label: "facilitator ms" },
  ],
  aims: [{ label: "gateway ms", key: "freshMs", of: "median", atMost: MOST_MS }],
  seconds: 1,
  isTimed: false,
  warmUpSeconds: 0,

  open() {
    return opening(async (started) => {
      const world = await started.add(startWorld());
      const facilitator = await started.add(startFacilitator(world));
      return {
        notes: [],
        close: () => started.stop(),
        measure: () => measure(world, [facilitator.url]),
      };
    });
  },
};
