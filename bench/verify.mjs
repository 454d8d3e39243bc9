// SPDX-License-Identifier: Apache-2.0
//
// How many payments a second does a facilitator verify? Ours and the reference ask the same chain
// about the same payments, one after the other.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { withCpu } from "./lib/cpu.mjs";
import { signBodies } from "./lib/signed.mjs";
import { opening } from "./lib/started.mjs";
import { faultsOf, wrk } from "./lib/wrk.mjs";
import { startWorld } from "../tests/devnet/world.mjs";
import { startRefFacilitator } from "../tests/interop/roles.mjs";
import { newFolder, startFacilitator } from "../tests/lib/x402bin.mjs";

const CONNECTIONS = 16;
const PAYERS = 64;
const PAYMENTS = 4096;

async function startSide(id, world) {
  if (id === "ours") return startFacilitator(world);
  const reference = await startRefFacilitator(world);
  return { ...reference, url: reference.info.url };
}

async function openBoth(started, ids) {
  const world = await started.add(startWorld({ payers: PAYERS }));
  const file = join(newFolder("bench"), "verify.jsonl");
  const bodies = await signBodies({ count: PAYMENTS, payers: PAYERS });
  writeFileSync(file, `${bodies.join("\n")}\n`);
  const facilitators = {};
  for (const id of ids) facilitators[id] = await started.add(startSide(id, world));
  return { facilitators, file, anvil: world.anvil };
}

export const benchmark = {
  name: "verify",
  title: "Payments verified a second",
  about:
    "POST /verify of our facilitator and of the reference facilitator before one anvil; wrk, " +
    `${CONNECTIONS} connections, going round ${PAYMENTS} payments of ${PAYERS} payers that were ` +
    'signed beforehand. Every answer was read and had to say `"isValid":true`.',
  sides: [
    { id: "ours", label: "x402 facilitator" },
    { id: "reference", label: "reference facilitator" },
  ],
  figures: [
    { key: "perSecond", label: "verified/s" },
    { key: "cpuMs", label: "CPU ms per verify" },
    { key: "anvilMs", label: "anvil's CPU ms" },
    { key: "p50Ms", label: "p50 ms" },
    { key: "p99Ms", label: "p99 ms" },
  ],
  ratios: [
    { label: "verified/s, ours : reference", key: "perSecond", peer: "reference", atLeast: 8 },
    { label: "CPU per verify, ours : reference", key: "cpuMs", peer: "reference" },
  ],
  seconds: 8,
  warmUpSeconds: 3, // time for V8 to compile what is hot

  open(ids) {
    return opening(async (started) => {
      const { facilitators, file, anvil } = await openBoth(started, ids);
      const load = (id, seconds) =>
        wrk(facilitators[id].url, {
          script: "verify.lua",
          connections: CONNECTIONS,
          seconds,
          args: [file],
        });
      return {
        notes: [],
        close: () => started.stop(),
        async measure(id, seconds) {
          const { result: inner, ms: anvilMs } = await withCpu(anvil.pid, () =>
            withCpu(facilitators[id].pid, () => load(id, seconds)),
          );
          const { result, ms } = inner;
          const each = (total) => total / result.requests;
          return { ...result, cpuMs: each(ms), anvilMs: each(anvilMs), faults: faultsOf(result) };
        },
      };
    });
  },
};
