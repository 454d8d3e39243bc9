// SPDX-License-Identifier: Apache-2.0
//
// How many payments does a facilitator settle in each block, with 128 callers who each wait for
// their answer? Each measurement has a chain and a facilitator of its own, and ends with an audit:
// what was told is compared with what the chain holds.

import { withCpu } from "./lib/cpu.mjs";
import { reasonsOf, settleAll } from "./lib/settle_load.mjs";
import { AMOUNT, signBodies } from "./lib/signed.mjs";
import { opening } from "./lib/started.mjs";
import { percentile } from "./lib/stats.mjs";
import { startWorld } from "../tests/devnet/world.mjs";
import { startRefFacilitator } from "../tests/interop/roles.mjs";
import { Chain } from "../tests/lib/chain.mjs";
import { startFacilitator } from "../tests/lib/x402bin.mjs";

const IN_FLIGHT = 128;
const PAYERS = 64;
const OUR_SIGNERS = 2;
// Blocks at the start that are not counted: callers fall into step, V8 compiles.
const UNCOUNTED_BLOCKS = 3;
// Somebody who fails fast uses more payments than there are places in the blocks.
const SPARE = 1.5;
const DRAIN_MS = 45_000; // 45 blocks without an answer are a failure, whatever comes later
const CHAIN = { blockTime: 1, gasLimit: 200_000_000, txGasLimit: true };

async function startSide(id, world) {
  if (id === "ours") {
    const signers = world.facilitators.slice(0, OUR_SIGNERS);
    return startFacilitator(world, { signers });
  }
  const reference = await startRefFacilitator(world, { nonceManager: id === "nonceManager" });
  return { ...reference, url: reference.info.url };
}

function nonceOf(body) {
  return JSON.parse(body).paymentPayload.payload.authorization.nonce;
}

// Every success that was told must be a transfer of its own; a transfer that was told as anything
// else is money that its payer believes unspent.
async function audit(chain, merchant, bodies, answers) {
  const used = await chain.authorizationsUsed();
  const transfers = await chain.transfers({ to: merchant.address });
  const balance = await chain.balanceOf(merchant.address);
  const moved = new Set(used.map(({ nonce }) => nonce));
  const told = answers.flatMap(({ outcome }, i) =>
    outcome === "settled" ? [nonceOf(bodies[i])] : [],
  );
  const invented = told.filter((nonce) => !moved.has(nonce)).length;
  const faults = [];
  if (invented > 0) faults.push(`${invented} successes were told without a transfer`);
  if (balance !== AMOUNT * BigInt(transfers.length) || transfers.length !== moved.size)
    faults.push(`the merchant has ${balance} of ${transfers.length} transfers`);
  return { transfers, faults, settled: told.length, untold: moved.size - told.length + invented };
}

async function gasEach(chain, first, last, count) {
  const blocks = await Promise.all(
    Array.from({ length: Number(last - first) + 1 }, (_, i) => chain.block(first + BigInt(i))),
  );
  const gas = blocks.reduce((sum, { gasUsed }) => sum + gasUsed, 0n);
  return count > 0 ? Number(gas) / count : NaN;
}

async function measureOn(world, id, { bodies, seconds, started }) {
  const facilitator = await started.add(startSide(id, world));
  const chain = new Chain(world);
  const first = (await chain.blockNumber()) + BigInt(UNCOUNTED_BLOCKS) + 1n;
  let last = first;
  const { result: answers, ms } = await withCpu(facilitator.pid, () =>
    settleAll(facilitator.url, bodies, {
      milliseconds: (seconds + UNCOUNTED_BLOCKS) * 1000,
      inFlight: IN_FLIGHT,
      drainMs: DRAIN_MS,
      onStopped: async () => {
        last = await chain.blockNumber();
      },
    }),
  );
  const blocks = Number(last - first) + 1;
  const { transfers, ...found } = await audit(chain, world.accounts.merchant, bodies, answers);
  const counted = transfers.filter(({ block }) => block >= first && block <= last).length;
  const waits = answers.filter(({ outcome }) => outcome === "settled").map((one) => one.ms);
  return {
    ...found,
    perBlock: blocks > 0 ? counted / blocks : NaN,
    blocks,
    sent: answers.length,
    failures: answers.length - found.settled,
    reasons: reasonsOf(answers),
    p50Ms: percentile(waits, 0.5),
    p99Ms: percentile(waits, 0.99),
    cpuMs: ms / Math.max(1, found.settled),
    gas: await gasEach(chain, first, last, counted),
  };
}

// A measurement leaves nothing behind: the chain slows down as it grows.
async function measure(id, { bodies, seconds }) {
  return opening(async (started) => {
    const world = await started.add(startWorld({ payers: PAYERS, ...CHAIN }));
    const figures = await measureOn(world, id, { bodies, seconds, started });
    await started.stop();
    return figures;
  });
}

export const benchmark = {
  name: "settle",
  title: "Settlements in a block of one second",
  about:
    `POST /settle with ${IN_FLIGHT} in flight on a fresh anvil with blocks of one second; ours ` +
    `with ${OUR_SIGNERS} signers, the reference with the one that it can have, as in its own ` +
    "examples (plain) and with viem counting the nonces (nonce manager). The first " +
    `${UNCOUNTED_BLOCKS} blocks are not counted. Settlements are counted on the chain; a failure ` +
    "is any answer but success; untold is money that moved although no success was told.",
  sides: [
    { id: "ours", label: "x402 facilitator" },
    { id: "plain", label: "reference, plain" },
    { id: "nonceManager", label: "reference, nonce manager" },
  ],
  figures: [
    { key: "perBlock", label: "settled per block" },
    { key: "failures", label: "failures" },
    { key: "untold", label: "untold" },
    { key: "p50Ms", label: "p50 ms" },
    { key: "p99Ms", label: "p99 ms" },
    { key: "cpuMs", label: "CPU ms each" },
    { key: "gas", label: "gas each" },
  ],
  ratios: [
    { label: "settled per block, ours : plain", key: "perBlock", peer: "plain" },
    { label: "settled per block, ours : nonce manager", key: "perBlock", peer: "nonceManager" },
  ],
  aims: [
    { label: "settled per block", key: "perBlock", of: "median", atLeast: 0.95 * IN_FLIGHT },
    { label: "failures", key: "failures", of: "max", atMost: 0 },
  ],
  seconds: 15,
  warmUpSeconds: 0,

  async open(_ids, secondsEach) {
    const count = Math.ceil(IN_FLIGHT * (secondsEach + UNCOUNTED_BLOCKS + 1) * SPARE);
    const bodies = await signBodies({ count, payers: PAYERS });
    return {
      notes: [],
      close: async () => {},
      measure: (id, seconds) => measure(id, { bodies, seconds }),
    };
  },
};
