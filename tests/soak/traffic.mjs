// SPDX-License-Identifier: Apache-2.0
//
// Mixed traffic against a gateway, a facilitator and a local chain for as long as it is told:
// free calls, unpaid ones, paid calls with `settle` after and before, repeats, payments of nobody,
// broken heads, clients that leave. Memory and descriptors of both roles are looked at all the time.

import { readFileSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { exactPayment } from "../lib/payments.mjs";
import { sendPaid, startUpstream, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startFacilitator, startGateway } from "../lib/x402bin.mjs";

const WORKERS = 6;
const LOOK_MS = 1000;

function memoryOf(pid) {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(kib) * 1024;
}

const filesOf = (pid) => readdirSync(`/proc/${pid}/fd`).length;

export async function startHouse(house) {
  // A chain that keeps every state it ever had would be what grows here.
  const world = await house.add(startWorld({ payers: 16, more: ["--prune-history", "100"] }));
  const upstream = await house.add(
    startUpstream((request, response, body) => {
      upstream.seen.length = 0; // nobody reads it here, and it would grow
      response.end(`SECRET ${request.url} ${body.length}`);
    }),
  );
  const facilitator = await house.add(startFacilitator(world, { network: { poll: "20ms" } }));
  const routes = [
    paidRoute(world, { match: "GET /after", replay: "5s" }),
    paidRoute(world, { match: "POST /after", replay: "5s" }),
    paidRoute(world, { match: "GET /before", settle: "before", replay: "5s" }),
    { match: "* /free/*", free: true },
  ];
  const options = { upstream: upstream.url, facilitators: [facilitator.url], routes };
  const gateway = await house.add(startGateway(world, options));
  return { world, chain: new Chain(world), gateway, facilitator };
}

function expect(wanted, got, what) {
  if (!wanted.includes(got)) throw new Error(`${what}: ${got}, expected ${wanted.join(" or ")}`);
}

async function offerAt(url, request) {
  const { status, required } = await wireRequest(url, request);
  expect([402], status, "unpaid");
  return required.accepts[0];
}

async function payAndRepeat({ gateway }, payer, path, request = {}) {
  const url = gateway.url + path;
  const payment = await exactPayment(payer, await offerAt(url, request));
  const first = await sendPaid(url, payment, request);
  expect([200], first.status, `paid ${path}: ${JSON.stringify(first.body)}`);
  const again = await sendPaid(url, payment, request);
  expect([200], again.status, `repeated ${path}`);
  if (again.settlement.transaction !== first.settlement.transaction) throw new Error("a repeat was paid again");
  return 1;
}

async function payWithNothing({ gateway }, payer, i) {
  const url = `${gateway.url}/after`;
  const offer = await offerAt(url);
  const payment = await exactPayment(payer, offer, { authorization: { validBefore: `${1000 + i}` } });
  expect([402], (await sendPaid(url, payment)).status, "an expired payment");
  return 0;
}

// Bytes that are no request, or a request whose sender leaves.
function disturb({ gateway }, i) {
  const { hostname, port } = new URL(gateway.url);
  const pieces = ["GET /after HTTP/1.1\r\nHost: x\r\n", "POST /free/a HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nabc",
    "\u0000\u0001\r\n\r\n", "GET /a%2Fb HTTP/1.1\r\nHost: x\r\n\r\n"];
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(pieces[i % pieces.length]);
      setTimeout(() => socket.destroy(), 20);
    });
    socket.on("error", () => {});
    socket.on("data", () => {});
    socket.on("close", () => resolve(0));
  });
}

async function oneOf(parts, payer, i) {
  const { gateway } = parts;
  switch (i % 8) {
    case 0: return payAndRepeat(parts, payer, "/after");
    case 1: return payAndRepeat(parts, payer, "/before");
    case 2: return payAndRepeat(parts, payer, "/after", { method: "POST", body: `order ${i}` });
    case 3: return payWithNothing(parts, payer, i);
    case 4: return disturb(parts, i >> 3);
    case 5: expect([404], (await wireRequest(`${gateway.url}/nothing`)).status, "no route"); return 0;
    case 6: expect([200], (await wireRequest(`${gateway.url}/free/x?${i}`)).status, "free"); return 0;
    default: await offerAt(`${gateway.url}/after`); return 0;
  }
}

async function work(parts, payer, state) {
  for (let i = state.next++; performance.now() < state.until; i = state.next++) {
    const paid = await oneOf(parts, payer, i); // named first: the sum must be read after the wait
    state.paid += paid;
    state.done += 1;
  }
}

async function look(parts, state) {
  while (performance.now() < state.until) {
    await sleep(LOOK_MS);
    for (const role of ["gateway", "facilitator"]) {
      state.looks[role].push({ memory: memoryOf(parts[role].pid), files: filesOf(parts[role].pid) });
    }
    const seconds = Math.round((performance.now() - state.from) / 1000);
    if (seconds % 60 === 0) state.tell?.(seconds, state);
  }
}

// Resolves with { done, paid, looks: { gateway, facilitator } }: one look a second, each { memory, files }.
export async function runTraffic(parts, { seconds, tell }) {
  const from = performance.now();
  const state = { from, until: from + seconds * 1000, next: 0, done: 0, paid: 0, tell,
    looks: { gateway: [], facilitator: [] } };
  const workers = Array.from({ length: WORKERS }, (_, i) => work(parts, parts.world.payers[i], state));
  await Promise.all([...workers, look(parts, state)]);
  return state;
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

// How memory and descriptors of the last quarter stand to those of the second: warm against old.
export function drift(looks) {
  const quarter = Math.floor(looks.length / 4);
  const part = (n, what) => median(looks.slice(n * quarter, (n + 1) * quarter).map((each) => each[what]));
  return { memory: part(3, "memory") - part(1, "memory"), files: part(3, "files") - part(1, "files"),
    bytes: part(3, "memory") };
}
