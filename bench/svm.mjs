// SPDX-License-Identifier: Apache-2.0
//
// The same two questions on Solana: how many payments a second does a facilitator verify, and does
// it settle all of them with 64 callers who each wait for their answer? The node is a surfnet, and
// it takes a good part of either time: its own share is told apart.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { byTicks, cpuMs, withCpu } from "./lib/cpu.mjs";
import { reasonsOf, settleAll } from "./lib/settle_load.mjs";
import { opening } from "./lib/started.mjs";
import { percentile } from "./lib/stats.mjs";
import { auditSvm, memosOf, signSvmBodies, simulationOf } from "./lib/svm_signed.mjs";
import { faultsOf, wrk } from "./lib/wrk.mjs";
import { startSvmWorld } from "../tests/devnet/svm_world.mjs";
import { startRefFacilitator } from "../tests/interop/roles.mjs";
import { SvmChain } from "../tests/lib/svm.mjs";
import { newFolder, startFacilitator } from "../tests/lib/x402bin.mjs";

const CONNECTIONS = 16;
const PAYERS = 32;
const PAYMENTS = 512;
const IN_FLIGHT = 64;
// More than 128 transactions and a surfnet becomes so slow that nothing else is measured.
const WARM_UPS = 16;
const SETTLEMENTS = 112;
const SLOT_MS = 400; // as on mainnet
const LONGEST_MS = 120_000;
const DRAIN_MS = 30_000;

async function startSide(id, world) {
  if (id === "ours") return startFacilitator(world);
  const reference = await startRefFacilitator(world);
  return { ...reference, url: reference.info.url };
}

const startNode = (started) =>
  started.add(startSvmWorld({ payers: PAYERS, facilitators: 1, slotMs: SLOT_MS }));

// ---------------------------------------------------------------- verify

// The node alone is a side of its own, asked for nothing but the simulations.
const NODE = { path: "/", yes: '"err":null', bodyOf: simulationOf };
const FACILITATOR = { path: "/verify", yes: '"isValid":true', bodyOf: (body) => body };

async function measureVerify(world, { url, pid }, kind, { seconds, run }) {
  const file = join(newFolder("bench"), "svm.jsonl");
  const bodies = await signSvmBodies(world, { count: PAYMENTS, run });
  writeFileSync(file, `${bodies.map(kind.bodyOf).join("\n")}\n`);
  const load = () =>
    wrk(url, {
      script: "verify.lua",
      connections: CONNECTIONS,
      seconds,
      args: [file, kind.path, kind.yes],
    });
  const ownBefore = pid ? cpuMs(pid) : NaN;
  const nodeBefore = byTicks(world.node.pid);
  const result = await load();
  const nodeMs = byTicks(world.node.pid) - nodeBefore;
  return {
    ...result,
    cpuMs: pid ? (cpuMs(pid) - ownBefore) / result.requests : NaN,
    nodeMs: nodeMs / result.requests,
    faults: faultsOf(result),
  };
}

export const svmVerify = {
  name: "svm-verify",
  title: "Payments verified a second on Solana",
  about:
    "POST /verify of our facilitator and of the reference facilitator before one surfnet; wrk, " +
    `${CONNECTIONS} connections, going round ${PAYMENTS} payments of ${PAYERS} payers that were ` +
    'signed just before. Every answer was read and had to say `"isValid":true`. Either asks the ' +
    "node once for each, simulateTransaction; the node alone is that question of wrk's, with as " +
    "many connections and nobody between.",
  sides: [
    { id: "ours", label: "x402 facilitator" },
    { id: "reference", label: "reference facilitator" },
    { id: "node", label: "the node alone, simulations" },
  ],
  figures: [
    { key: "perSecond", label: "verified/s" },
    { key: "cpuMs", label: "CPU ms per verify" },
    { key: "nodeMs", label: "surfnet's CPU ms" },
    { key: "p50Ms", label: "p50 ms" },
    { key: "p99Ms", label: "p99 ms" },
  ],
  ratios: [
    { label: "verified/s, ours : reference", key: "perSecond", peer: "reference", atLeast: 8 },
    { label: "CPU per verify, ours : reference", key: "cpuMs", peer: "reference" },
    { label: "verified/s, ours : the node alone", key: "perSecond", peer: "node" },
  ],
  seconds: 8,
  warmUpSeconds: 3,

  open(ids) {
    return opening(async (started) => {
      const world = await startNode(started);
      const asked = { node: { url: world.rpc } };
      for (const id of ids.filter((one) => one !== "node"))
        asked[id] = await started.add(startSide(id, world));
      let run = 0;
      return {
        notes: [],
        close: () => started.stop(),
        measure: (id, seconds) => {
          const kind = id === "node" ? NODE : FACILITATOR;
          return measureVerify(world, asked[id], kind, { seconds, run: `run ${++run}` });
        },
      };
    });
  },
};

// ---------------------------------------------------------------- settle

async function auditOf(world, memos, answers) {
  const chain = new SvmChain(world);
  const { address } = world.accounts.merchant;
  const rows = await chain.signaturesOf(await world.tokenAccountOf(address));
  return auditSvm({ memos, answers, rows, balance: await chain.balanceOf(address) });
}

async function measureOn(world, id, started) {
  const facilitator = await started.add(startSide(id, world));
  const wanted = { run: "settle", count: WARM_UPS + SETTLEMENTS };
  const bodies = await signSvmBodies(world, wanted);
  const settle = (some) =>
    settleAll(facilitator.url, some, {
      milliseconds: LONGEST_MS,
      inFlight: IN_FLIGHT,
      drainMs: DRAIN_MS,
      onStopped: async () => {},
    });
  const warm = await settle(bodies.slice(0, WARM_UPS));
  const began = performance.now();
  const nodeBefore = byTicks(world.node.pid);
  const { result, ms } = await withCpu(facilitator.pid, () => settle(bodies.slice(WARM_UPS)));
  const seconds = (performance.now() - began) / 1000;
  const nodeMs = byTicks(world.node.pid) - nodeBefore;
  const answers = [...warm, ...result];
  const found = await auditOf(world, memosOf(wanted.run, wanted.count), answers);
  const waits = result.filter(({ outcome }) => outcome === "settled").map((one) => one.ms);
  return {
    ...found,
    perSecond: waits.length / seconds,
    failures: answers.length - found.settled,
    reasons: reasonsOf(answers),
    p50Ms: percentile(waits, 0.5),
    p99Ms: percentile(waits, 0.99),
    cpuMs: ms / Math.max(1, waits.length),
    nodeMs: nodeMs / Math.max(1, waits.length),
  };
}

// A surfnet of its own for every measurement: it slows down as its chain grows.
async function measureSettle(id) {
  return opening(async (started) => {
    const world = await startNode(started);
    const figures = await measureOn(world, id, started);
    await started.stop();
    return figures;
  });
}

export const svmSettle = {
  name: "svm-settle",
  title: `Settlements on Solana, ${IN_FLIGHT} in flight`,
  about:
    `POST /settle of ${SETTLEMENTS} payments with ${IN_FLIGHT} in flight on a fresh surfnet with ` +
    `slots of ${SLOT_MS} ms, after ${WARM_UPS} that are not timed; each side with one fee payer. ` +
    "The surfnet takes only 25 to 45 transactions a second whoever sends them, so that the rate " +
    "says more about it than about a facilitator. A failure is any answer but success, also of " +
    "the first ones; untold is money that moved although no success was told.",
  sides: [
    { id: "ours", label: "x402 facilitator" },
    { id: "reference", label: "reference facilitator" },
  ],
  figures: [
    { key: "perSecond", label: "settled/s" },
    { key: "failures", label: "failures" },
    { key: "untold", label: "untold" },
    { key: "p50Ms", label: "p50 ms" },
    { key: "p99Ms", label: "p99 ms" },
    { key: "cpuMs", label: "CPU ms each" },
    { key: "nodeMs", label: "surfnet's CPU ms" },
  ],
  ratios: [{ label: "settled/s, ours : reference", key: "perSecond", peer: "reference" }],
  aims: [{ label: "failures", key: "failures", of: "max", atMost: 0 }],
  isTimed: false,
  seconds: 1,
  warmUpSeconds: 0,

  open: async () => ({
    notes: [],
    close: async () => {},
    measure: (id) => measureSettle(id),
  }),
};
