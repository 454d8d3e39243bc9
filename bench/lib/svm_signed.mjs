// SPDX-License-Identifier: Apache-2.0
//
// Payments on Solana as the bodies of requests. A blockhash lives for 150 slots only, so that they
// are signed anew before each measurement.

import { svmPayment, svmRequirements } from "../../tests/lib/svm.mjs";

export const AMOUNT = 1000n;

export const memosOf = (run, count) => Array.from({ length: count }, (_, i) => `${run} ${i}`);

// The bodies of `count` requests to a facilitator, as JSON texts; payers take turns, and the memo
// of each payment is its own: memosOf(run, count).
export async function signSvmBodies(world, { count, run }) {
  const requirements = svmRequirements(world, {
    payTo: world.accounts.merchant.address,
    amount: `${AMOUNT}`,
  });
  const blockhash = await world.blockhash();
  const { payers } = world;
  const memos = memosOf(run, count);
  const bodies = [];
  for (let i = 0; i < count; ++i) {
    const options = { blockhash, text: memos[i] };
    const payer = payers[i % payers.length];
    const paymentPayload = await svmPayment(world, payer, requirements, options);
    bodies.push(
      JSON.stringify({ x402Version: 2, paymentPayload, paymentRequirements: requirements }),
    );
  }
  return bodies;
}

// The question that verifying such a body asks of the node, as ours asks it.
export function simulationOf(body) {
  const { paymentPayload, paymentRequirements } = JSON.parse(body);
  const options = {
    commitment: "confirmed",
    encoding: "base64",
    sigVerify: false,
    replaceRecentBlockhash: false,
    innerInstructions: true,
    accounts: { encoding: "base64", addresses: [paymentRequirements.extra.feePayer] },
  };
  const params = [paymentPayload.payload.transaction, options];
  return JSON.stringify({ jsonrpc: "2.0", id: 1, method: "simulateTransaction", params });
}

// Holds what callers were told against what the chain holds. memos: of every payment, in the order
// of the answers; rows: what getSignaturesForAddress tells of the merchant's account; balance: of
// it. Every success that was told must be a transfer of its own; a transfer that was told as
// anything else is money that its payer believes unspent.
export function auditSvm({ memos, answers, rows, balance }) {
  const landed = rows
    .filter(({ err }) => err === null)
    .map(({ memo }) => memo.replace(/^\[\d+\] /, ""));
  const moved = new Set(landed);
  const told = memos.filter((_, i) => answers[i]?.outcome === "settled");
  const invented = told.filter((memo) => !moved.has(memo)).length;
  const faults = [];
  if (invented > 0) faults.push(`${invented} successes were told without a transfer`);
  if (moved.size !== landed.length || balance !== AMOUNT * BigInt(landed.length))
    faults.push(`the merchant has ${balance}; ${landed.length} transfers, ${moved.size} payments`);
  return { faults, settled: told.length, untold: moved.size - told.length + invented };
}
