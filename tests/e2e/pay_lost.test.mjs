// SPDX-License-Identifier: Apache-2.0
//
// `x402 pay` when answers are lost: the payment that was signed is sent again, unchanged, in the
// same run and in the next one, until it is known what became of it. And several processes share
// one budget.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { spawnBound, stopChild } from "../lib/proc.mjs";
import { startRelay, startUpstream } from "../lib/wire.mjs";
import { X402, newFolder, startFacilitator, startGateway, x402, x402Pay } from "../lib/x402bin.mjs";

const house = new House();
let world, chain, gateway, facilitator, upstream;

before(async () => {
  world = await house.add(startWorld({ payers: 8 }));
  chain = new Chain(world);
  upstream = await house.add(startUpstream((_request, response) => response.end("sunny")));
  facilitator = await house.add(startFacilitator(world, { network: { poll: "20ms" } }));
  gateway = await house.add(startGateway(world, { upstream: upstream.url, facilitators: [facilitator.url] }));
});

after(() => house.close());

const isPaid = ({ headers }) => headers["payment-signature"] !== undefined;
const sentHeaders = ({ seen }) => seen.filter(isPaid).map(({ headers }) => headers["payment-signature"]);
const transfersOf = (payer) => chain.transfers({ from: payer.address });

async function relayed(t, decide) {
  const relay = await houseOf(t).add(startRelay(gateway.url, decide));
  const pay = (payer, { args, home } = {}) => x402Pay(world, `${relay.url}/weather`, { payer, args, home });
  return { relay, pay };
}

for (const how of ["lose", "drop", { status: 502, body: "bad gateway" }]) {
  test(`11: the first paid answer is ${how.status ?? how}: the same payment is sent again`, async (t) => {
    let left = 1;
    const { relay, pay } = await relayed(t, (asked) => (isPaid(asked) && left-- > 0 ? how : "pass"));
    const payer = world.payers[["lose", "drop"].indexOf(how) + 1];
    const { code, results, stderr } = await pay(payer);
    assert.equal(code, 0, stderr);
    assert.deepEqual([results[0].outcome, results[0].body], ["settled", "sunny"]);
    const headers = sentHeaders(relay);
    assert.deepEqual([headers.length, new Set(headers).size], [2, 1], "one payment, twice");
    assert.equal((await transfersOf(payer)).length, 1);
  });
}

test("11: no answer at all is exit code 3; the next run finishes that payment, the one after pays anew", async (t) => {
  const payer = world.payers[3];
  const home = newFolder("home");
  const { relay, pay } = await relayed(t, (asked) => (isPaid(asked) ? "lose" : "pass"));
  const first = await pay(payer, { home });
  assert.deepEqual([first.code, first.results[0].outcome], [3, "unknown"], first.stdout);
  assert.ok(first.results[0].error.next, "and it says what to do");
  const before = sentHeaders(relay);
  assert.equal(new Set(before).size, 1);

  const anew = await pay(payer, { home, args: ["--new"] });
  assert.deepEqual([anew.code, anew.results[0].error.code], [4, "earlier_usable"],
      "--new is refused before it expires");
  assert.equal(sentHeaders(relay).length, before.length);

  relay.decide = () => "pass";
  const second = await pay(payer, { home });
  assert.deepEqual([second.code, second.results[0].outcome, second.results[0].body], [0, "settled", "sunny"],
      second.stdout);
  assert.equal(new Set(sentHeaders(relay)).size, 1, "still the same payment");
  assert.equal((await transfersOf(payer)).length, 1);

  const third = await pay(payer, { home });
  assert.equal(third.code, 0);
  assert.equal(new Set(sentHeaders(relay)).size, 2, "a finished payment is never used again");
  assert.equal((await transfersOf(payer)).length, 2);
});

test("a client that is killed after it has sent resumes with the same payment", async (t) => {
  const payer = world.payers[4];
  const home = newFolder("home");
  let held = false;
  const { relay, pay } = await relayed(t, (asked) => {
    if (!isPaid(asked) || held) return "pass";
    held = true;
    return new Promise(() => {}); // sent, and never answered
  });
  const child = spawnBound(X402, ["pay", `${relay.url}/weather`, "--home", home], {
    env: { X402_EVM_KEY: payer.key }, stdio: "ignore" });
  await eventually(() => held, { what: "the payment on its way" });
  await stopChild(child, { signal: "SIGKILL" });
  const { code, results, stdout } = await eventually(async () => {
    const run = await pay(payer, { home });
    return run.results[0].error?.code !== "payment_in_progress" && run;
  }, { deadlineMs: 60_000, everyMs: 500, what: "the dead process's lease" });
  assert.deepEqual([code, results[0].outcome], [0, "settled"], stdout);
  assert.equal(new Set(sentHeaders(relay)).size, 1);
  assert.equal((await transfersOf(payer)).length, 1);
});

test("two processes at once share one budget and one journal", async () => {
  const payer = world.payers[5];
  const home = newFolder("home");
  const args = ["-n", "6", "-c", "2", "--budget", "$0.005/day"];
  const url = `${gateway.url}/weather`;
  const runs = await Promise.all([1, 2].map((i) =>
    x402Pay(world, `${url}?process=${i}`, { payer, home, args })));
  const outcomes = runs.flatMap(({ results }) => results).map(({ outcome }) => outcome);
  assert.equal(outcomes.length, 12);
  assert.equal(outcomes.filter((outcome) => outcome === "settled").length, 5, `${outcomes}`);
  assert.equal(outcomes.filter((outcome) => outcome === "refused").length, 7);
  assert.equal((await transfersOf(payer)).length, 5);
  const third = await x402Pay(world, url, { payer, home, args: ["--budget", "$0.005/day"] });
  assert.deepEqual([third.code, third.results[0].error.code], [4, "over_budget"], "tomorrow is another day");
  const { stdout } = await x402(["wallet", "history", "--json", "--home", home]);
  assert.equal(stdout.trim().split("\n").length, 5);
});
