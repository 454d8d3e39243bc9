// SPDX-License-Identifier: Apache-2.0
//
// What a facilitator and a gateway do in their lives, and what has moved when they die at a point.
// A case `c` has a folder, a payer, a payee and a signer of its own; terms() and pay(terms) are
// those of its chain, network its settings there.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { eventually } from "../lib/check.mjs";
import { askFacilitator } from "../lib/payments.mjs";
import { sendPaid, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startFacilitator, startGateway } from "../lib/x402bin.mjs";

export const NETWORK = { poll: "20ms", stuck_after: "10m" };
export const AMOUNT = 1000n;

const untilJudged = (probe) => eventually(probe, { deadlineMs: 30_000, everyMs: 30, what: "the answer to the same payment" });

const OPENING = { "store.migrate": [0, 0], "store.fence": [0, 0] };
const FACILITATOR_START = {
  ...OPENING,
  "settlement.take_over_slots": [0, 0],
  "settlement.take_over_payments": [0, 0],
};
const GATEWAY_START = { ...OPENING, "grant.take_over": [0, 0] };
const SETTLING = {
  "settlement.claim": [0, 0],
  "settlement.take_slot": [0, 0],
  "settlement.record_attempt": [0, 0],
  "out.broadcast": [0, 1],
  "settlement.note_sent": [1, 1],
  "settlement.end_slot": [1, 1],
  "settlement.tell": [1, 1],
};
// No block comes before somebody repeats his payment.
const WAITING = {
  "settlement.claim": [0, 0],
  "settlement.take_slot": [0, 0],
  "settlement.record_attempt": [0, 0],
  "out.broadcast": [0, 0],
  "settlement.note_sent": [0, 0],
};
const PAID = {
  "grant.claim": [0, 0],
  "out.upstream": [0, 0],
  "grant.settling": [0, 0],
  "out.settle": [0, 1],
  "grant.settled": [1, 1],
  "grant.delivered": [1, 1],
};
const PAID_FIRST = { ...PAID, "grant.note": [1, 1], "out.upstream": [1, 1] };

// ---- the facilitator, asked by whoever has an Idempotency-Key, as our gateway does

async function openFacilitator(c) {
  c.payment = await c.pay(c.terms());
  c.key = randomBytes(16).toString("hex");
}

const settleWith = (c, role, headers) => askFacilitator(role.url, "settle", c.payment, c.payment.accepted, headers);

// The caller with the key is told of the success however often he asks, anybody else of the
// transaction alone.
async function finishSettlement(c, role) {
  const { body } = await untilJudged(async () => {
    if (c.scenario.byHand) await c.world.mine();
    const got = await settleWith(c, role, { "idempotency-key": c.key });
    if (got.status === 503 || got.body.errorReason === "settlement_pending") return null;
    assert.deepEqual([got.status, got.body.success], [200, true], JSON.stringify(got.body));
    return got;
  });
  const stranger = await settleWith(c, role);
  assert.deepEqual([stranger.body.errorReason, stranger.body.transaction], ["duplicate_settlement", body.transaction]);
  return body.transaction;
}

function facilitator(name, points, { network = NETWORK, firstNetwork = network, ...more }) {
  return {
    role: "facilitator",
    name: `facilitator, ${name}`,
    points,
    open: openFacilitator,
    start: (c, env) => startFacilitator(c.world, {
      signers: [c.signer], network: c.network ?? (c.life === 1 ? firstNetwork : network), dir: c.dir, env }),
    call: (c, role) => settleWith(c, role, { "idempotency-key": c.key }),
    finish: (c, role) => finishSettlement(c, role),
    ...more,
  };
}

// ---- the gateway

const requestOf = (c) => (c.scenario.body === undefined ? {} : { method: "POST", body: c.scenario.body });
const urlOf = (c, role) => `${role.url}${c.scenario.path}?case=${c.id}`;

async function askGateway(c, role) {
  if (!c.payment) {
    const { required } = await wireRequest(urlOf(c, role), { ...requestOf(c), body: undefined, agent: false });
    c.payment = await c.pay(required.accepts[0]);
  }
  return sendPaid(urlOf(c, role), c.payment, { ...requestOf(c), agent: false });
}

// An answer has left before the gateway has noted that: a repeat of that moment is told to come again.
function untilAnswered(c, role) {
  return untilJudged(async () => {
    const answer = await askGateway(c, role);
    const again = [409, 503].includes(answer.status) || (answer.status === 500 && c.scenario.fails);
    assert.ok(again || answer.status === 200, `${answer.status} ${JSON.stringify(answer.body)}`);
    return again ? null : answer;
  });
}

async function finishPaidCall(c, role) {
  const got = await untilAnswered(c, role);
  assert.equal(got.body, `bought ${c.id}`);
  assert.equal(got.settlement.success, true);
  const repeat = await untilAnswered(c, role);
  assert.deepEqual([repeat.body, repeat.settlement.transaction], [got.body, got.settlement.transaction], "the same once more");
  return got.settlement.transaction;
}

function gateway(name, points, { inside = false, ...more }) {
  return {
    role: "gateway",
    name: `gateway, ${name}`,
    points,
    open: async () => {},
    start: (c, env) => startGateway(c.world, {
      upstream: c.upstream.url,
      ...(inside ? { signers: [c.signer] } : { facilitators: [c.facilitator.url] }),
      routes: [
        paidRoute(c.world, { match: "GET /after" }),
        paidRoute(c.world, { match: "GET /before", settle: "before" }),
        paidRoute(c.world, { match: "POST /upload" }),
        paidRoute(c.world, { match: "POST /upload-before", settle: "before" }),
        paidRoute(c.world, { match: "GET /fails" }),
      ],
      payTo: c.payTo, network: c.network ?? NETWORK, dir: c.dir, env }),
    call: (c, role) => askGateway(c, role),
    finish: (c, role) => finishPaidCall(c, role),
    ...more,
  };
}

// Every case of `/fails` fails once.
export function answerAsUpstream() {
  const failed = new Set();
  return (request, response) => {
    const url = new URL(request.url, "http://upstream.test");
    const id = url.searchParams.get("case");
    if (url.pathname === "/fails" && !failed.has(id)) {
      failed.add(id);
      response.statusCode = 500;
    }
    response.end(`bought ${id}`);
  };
}

const BODY = "what the buyer sends".repeat(1000);

// births: the points of a start are killed here too. only: those that are, instead of all. slow: the
// point comes by after a minute. byHand: on the chain that mines when it is told to.
export const SCENARIOS = [
  facilitator("a settlement and its repeats", { ...FACILITATOR_START, ...SETTLING }, { births: true }),
  facilitator("a settlement beyond the day's budget, and the same within it",
    { ...FACILITATOR_START, "settlement.claim": [0, 0], "settlement.end_payment": [0, 0] },
    { firstNetwork: { ...NETWORK, daily_gas_budget: "0.000000001" }, only: ["settlement.end_payment#1"] }),
  facilitator("a transaction that nobody mines, sent again for more",
    { ...FACILITATOR_START, ...WAITING },
    { network: { ...NETWORK, stuck_after: "300ms", settle_wait: "2s" }, byHand: true,
      only: ["settlement.record_attempt#2", "out.broadcast#2", "settlement.note_sent#2"] }),
  gateway("paid after the answer", { ...GATEWAY_START, ...PAID }, { path: "/after", births: true }),
  gateway("paid before the answer", { ...GATEWAY_START, ...PAID_FIRST }, { path: "/before" }),
  gateway("an upload, paid after", { ...GATEWAY_START, ...PAID }, { path: "/upload", body: BODY }),
  gateway("an upload, paid before", { ...GATEWAY_START, ...PAID_FIRST }, { path: "/upload-before", body: BODY }),
  gateway("an answer that is not worth paying, then one that is",
    { ...GATEWAY_START, "grant.claim": [0, 0], "out.upstream": [0, 0], "grant.released": [0, 0] },
    { path: "/fails", fails: true, only: ["out.upstream#1", "grant.released#1"] }),
  gateway("with its facilitator inside", { ...FACILITATOR_START, ...GATEWAY_START, ...SETTLING, ...PAID },
    { path: "/after", inside: true }),
  gateway("a minute later", { ...GATEWAY_START, ...PAID, "grant.forget_answers": [1, 1], "grant.forget_released": [1, 1] },
    { path: "/after", slow: true, only: ["grant.forget_answers#1", "grant.forget_released#1"] }),
];
