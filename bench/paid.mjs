// SPDX-License-Identifier: Apache-2.0
//
// What a paid call costs in processor time, by part: the gateway's own work, the facilitator's, and
// how much of it a free call would have cost as well. The chain is never counted.

import { callAll } from "./lib/calls.mjs";
import { cpuMs } from "./lib/cpu.mjs";
import { startNginx, staticLocation } from "./lib/nginx.mjs";
import { opening } from "./lib/started.mjs";
import { startWorld } from "../tests/devnet/world.mjs";
import { encodeHeader, exactPayment, request } from "../tests/lib/payments.mjs";
import { paidRoute, startFacilitator, startGateway } from "../tests/lib/x402bin.mjs";

const CALLS = 600; // of each kind in each measurement
const FREE_CALLS = 5 * CALLS;
const WARM_UP = 50;
const IN_FLIGHT = 16;
const PAYERS = 64;
const BODY = '{"weather":"sunny"}';

// Payments for the offer of one 402, payers in turn.
async function signPayments(world, url, count) {
  const { required } = await request(url);
  const headers = [];
  for (let i = 0; i < count; ++i) {
    const payer = world.payers[i % world.payers.length];
    const payment = await exactPayment(payer, required.accepts[0], { resource: required.resource });
    headers.push({ "payment-signature": encodeHeader(payment) });
  }
  return headers;
}

// Microseconds for each call in each of the processes, and what was not answered as wanted.
async function costOf(pids, url, headers, wanted) {
  const before = pids.map(cpuMs);
  const outcomes = await callAll(url, headers, { inFlight: IN_FLIGHT });
  const each = pids.map((pid, i) => ((cpuMs(pid) - before[i]) * 1000) / headers.length);
  const faults = [...outcomes]
    .filter(([outcome]) => outcome !== wanted)
    .map(([outcome, count]) => `${count} answers were ${outcome} and not ${wanted}`);
  return { each, faults };
}

const plain = (count) => Array.from({ length: count }, () => ({}));

// All three kinds of calls at one gateway.
async function measureGateway(world, gateway, facilitator) {
  const pids = facilitator ? [gateway.pid, facilitator.pid] : [gateway.pid];
  const paid = `${gateway.url}/weather`;
  const headers = await signPayments(world, paid, CALLS + WARM_UP);
  await callAll(paid, headers.splice(0, WARM_UP), { inFlight: IN_FLIGHT });
  const bought = await costOf(pids, paid, headers, 200);
  const free = await costOf(pids, `${gateway.url}/health`, plain(FREE_CALLS), 200);
  const unpaid = await costOf(pids, paid, plain(FREE_CALLS), 402);
  return { bought, free, unpaid };
}

async function measureIn(started) {
  const world = await started.add(startWorld({ payers: PAYERS }));
  const location = staticLocation({ status: 200, headers: [], body: BODY });
  const upstream = (await started.add(startNginx({ location }))).url;
  const routes = [paidRoute(world), { match: "GET /health", free: true }];
  const config = { threads: 1 };
  const [first, second] = world.facilitators;
  const facilitator = await started.add(startFacilitator(world, { signers: [second] }));
  const apart = await started.add(
    startGateway(world, { upstream, routes, config, facilitators: [facilitator.url] }),
  );
  const split = await measureGateway(world, apart, facilitator);
  await apart.stop();
  const inside = await started.add(
    startGateway(world, { upstream, routes, config, signers: [first] }),
  );
  const whole = await measureGateway(world, inside);
  const all = [whole, split].flatMap(({ bought, free, unpaid }) => [bought, free, unpaid]);
  const [gatewayUs, facilitatorUs] = split.bought.each;
  return {
    wholeUs: whole.bought.each[0],
    gatewayUs,
    freeUs: split.free.each[0],
    paymentUs: gatewayUs - split.free.each[0],
    facilitatorUs,
    unpaidUs: split.unpaid.each[0],
    faults: all.flatMap(({ faults }) => faults),
  };
}

// A world of its own for every measurement: the chain slows down as it grows.
function measure() {
  return opening(async (started) => {
    const figures = await measureIn(started);
    await started.stop();
    return figures;
  });
}

export const benchmark = {
  name: "paid",
  title: "Processor time of a paid call, by part",
  about:
    `${CALLS} calls of a paid route (exact, EIP-3009, settled before the answer leaves), each with ` +
    `a payment of its own, ${IN_FLIGHT} at a time, before a constant upstream and a fresh anvil that ` +
    "mines every transaction at once. Whole: everything in the gateway's process with the " +
    "facilitator inside. The parts are of a second gateway with the facilitator in a process of its " +
    "own, so they hold the calls between the two besides: the gateway, of which a free call of the " +
    "same size and the payment (decoding, matching, grant, journal, two calls), and the facilitator " +
    "(signature, chain reads, journal, signing, receipts). Anvil and upstream are not counted. An " +
    "unpaid call is answered 402.",
  sides: [{ id: "ours", label: "x402, CPU µs" }],
  figures: [
    { key: "wholeUs", label: "whole" },
    { key: "gatewayUs", label: "gateway" },
    { key: "freeUs", label: "of it a free call" },
    { key: "paymentUs", label: "of it the payment" },
    { key: "facilitatorUs", label: "facilitator" },
    { key: "unpaidUs", label: "unpaid call" },
  ],
  seconds: 1,
  isTimed: false,
  warmUpSeconds: 0,

  open: async () => ({ notes: [], close: async () => {}, measure }),
};
