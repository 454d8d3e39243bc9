// SPDX-License-Identifier: Apache-2.0
//
// What `x402 pay` does in its lives. A run that died with the answer on its stdout has told its buyer
// all, and where its journal does not say so yet, the next one tells the same once more; any other is
// simply run again with the same home. A dead run's lease on its record lasts ten seconds, which the
// next run waits out by itself.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { startRelay } from "../lib/wire.mjs";
import { paidRoute, x402, x402Pay } from "../lib/x402bin.mjs";
import { dieAt, logTo, pointsOf } from "./lives.mjs";

const START = { "store.migrate": [0, 0], "journal.take_unfinished": [0, 0] };
const PAY = {
  ...START,
  "journal.begin": [0, 0],
  "journal.sent": [0, 0],
  "out.payment": [0, 1],
  "out.answer": [1, 1],
  "journal.settled": [1, 1],
  "journal.release": [1, 1],
};

// The money had moved in an earlier life.
const COLLECT = Object.fromEntries([...Object.keys(START), "out.payment", "out.answer", "journal.settled", "journal.release"]
  .map((name) => [name, [1, 1]]));

const { "out.answer": _, "journal.settled": __, ...UNANSWERED } = PAY;

// What a run writes that comes before the chain's final word.
const LATE = ["journal.unknown"];

// The second is for a payment that expires soon.
export const clientRoutes = (world) => [
  paidRoute(world, { match: "GET /bought" }),
  paidRoute(world, { match: "GET /soon", upstream_timeout: "1s", max_timeout_seconds: 13 }),
];

const pathOf = (c) => `${c.scenario.path ?? "/bought"}?case=${c.id}`;
const isPaid = ({ headers }) => headers["payment-signature"] !== undefined;

// Where the answer is out and the journal does not know it: the next run shows it again.
const SEEN_TWICE = ["out.answer#1:after", "journal.settled#1:before"];

async function run(c, base, env = {}) {
  c.life += 1;
  // Of a payment that has expired the chain is asked, and it knows by what is final.
  if (c.scenario.path === "/soon" && c.life > 1) await c.world.mine(3);
  return x402Pay(c.world, base + pathOf(c), { payer: c.payer, home: c.dir, deadlineMs: 60_000,
    env: { ...logTo(c.dir, c.life), ...env } });
}

// Answers to a payment are lost on their way: the first ones, or all of the first run.
async function withLosses(c, action) {
  let left = c.scenario.losses ?? 0;
  if (left === 0) return action(c.gateway.url);
  const lost = (asked) => isPaid(asked) && c.life === 1 && left-- > 0;
  const relay = await startRelay(c.gateway.url, (asked) => (lost(asked) ? "lose" : "pass"));
  try {
    return await action(relay.url);
  } finally {
    await relay.stop();
  }
}

// On a slow machine the chain cannot tell yet, or the second that such a payment has to spare is over: then nothing
// was decided, or the payment was refused, and the next run begins again.
const isLate = ({ code, stdout }) => code === 3 || stdout.includes("payment_expires_too_soon");

const LATE_TRIES = 5;
const LATE_MS = 500; // the chain makes a block or two meanwhile

async function dieIn(c, base, point) {
  let ended = await run(c, base, dieAt(point));
  for (let tries = 0; isLate(ended) && c.scenario.path === "/soon" && tries < LATE_TRIES; ++tries) {
    await sleep(LATE_MS);
    ended = await run(c, base, dieAt(point));
  }
  const { signal, stdout, stderr } = ended;
  assert.equal(signal, "SIGKILL", `it did not die at ${point}\n${stdout}${stderr}`);
  assert.equal(pointsOf(c.dir, c.life).at(-1), point);
  return stdout;
}

async function checkHistory(c, transaction) {
  const { stdout } = await x402(["wallet", "history", "--json", "--home", c.dir]);
  const records = stdout.trim().split("\n").map((line) => JSON.parse(line));
  const taken = records.filter(({ outcome }) => outcome !== "failed");
  assert.deepEqual(taken.map(({ outcome }) => outcome), ["settled"], stdout);
  assert.equal(taken[0].transaction, transaction);
}

// What ends the story: the answer, also where the payment had expired before anybody came back for it.
function answerIn(c, stdout) {
  const line = stdout.split("\n").find((each) => each.startsWith("{") && each.endsWith("}"));
  const told = line && JSON.parse(line);
  if (told?.outcome !== "settled") return undefined;
  return told.body === `bought ${c.id}` ? told : undefined;
}

// check() is called at the first death. Resolves with the transaction and the points of the last run.
function killed(c, deaths, check) {
  return withLosses(c, async (base) => {
    if (c.scenario.prelude) await dieIn(c, base, c.scenario.prelude);
    let told;
    for (const [i, point] of deaths.entries()) {
      told = answerIn(c, await dieIn(c, base, point));
      if (i === 0) await check();
      if (told && !SEEN_TWICE.includes(point)) return { transaction: told.payment.transaction, points: [] };
    }
    const seen = told;
    told = undefined;
    for (let tries = 0; !told && tries < 3; ++tries) {
      const { code, stdout, stderr } = await run(c, base);
      told = answerIn(c, stdout);
      assert.ok(told || (code === 3 && c.scenario.losses), `exit ${code}\n${stdout}${stderr}`);
    }
    if (seen) assert.equal(told.payment.transaction, seen.payment.transaction);
    await checkHistory(c, told.payment.transaction);
    return { transaction: told.payment.transaction, points: pointsOf(c.dir, c.life) };
  });
}

function dryRun(c) {
  return withLosses(c, async (base) => {
    if (c.scenario.prelude) await dieIn(c, base, c.scenario.prelude);
    await run(c, base);
    return pointsOf(c.dir, c.life);
  });
}

const client = (name, points, more = {}) => ({ role: "client", name: `client, ${name}`, points, killed, dryRun, ...more });

// Two losses, since the HTTP client repeats by itself what met a connection that had been used before.
export const CLIENT_SCENARIOS = [
  client("a paid call", PAY),
  client("an answer is lost: the same payment is sent again", { ...PAY, "out.payment#2": [1, 1] },
    { losses: 2, only: ["out.payment#1", "out.payment#2"] }),
  client("no answer at all: the next run finishes",
    { ...UNANSWERED, "journal.renew": [1, 1], "journal.unknown": [1, 1] },
    { losses: Infinity, only: ["journal.renew#1", "journal.unknown#1"] }),
  client("a payment that was never sent and expired: a new one",
    { ...PAY, "journal.failed": [0, 0] },
    { path: "/soon", prelude: "journal.begin#1:after", only: ["journal.failed#1"], may: LATE }),
  client("killed after the send, back after the payment has expired: its answer all the same", COLLECT,
    { path: "/soon", prelude: "out.payment#1:after", only: ["out.payment#1", "out.answer#1"], may: LATE }),
];
