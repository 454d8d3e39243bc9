// SPDX-License-Identifier: Apache-2.0
//
// Many `x402 pay` processes on one journal: a budget that all of them share is never exceeded, by
// what the chain counts; and the payment of a process that was killed is finished by the next one
// when its lease has run out, never made again.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { Shop, distinct, receiptHeader } from "../lib/pay_kit.mjs";
import { spawnBound, stopChild } from "../lib/proc.mjs";
import { X402 } from "../lib/x402bin.mjs";

const house = new House();
const EIGHT = [1, 2, 3, 4, 5, 6, 7, 8];
let shop;

before(async () => (shop = await Shop.open(house)));
after(() => house.close());

const honest = async (_request, response, payment) =>
  response.writeHead(200, receiptHeader(await shop.settle(payment))).end("bought");

const count = (runs, wanted) => runs.flatMap(({ results }) => results).filter(({ outcome }) =>
  outcome === wanted).length;

test("eight processes, three requests each, a daily budget of ten: ten transfers", async (t) => {
  const customer = shop.customer();
  const seller = await shop.seller(houseOf(t), { paid: honest });
  const args = ["-n", "3", "-c", "3", "--budget", "$0.01/day"];
  const runs = await Promise.all(EIGHT.map((i) => customer.pay(`${seller.url}/${i}`, { args })));
  assert.deepEqual([count(runs, "settled"), count(runs, "refused")], [10, 14], JSON.stringify(runs.map(({ results }) =>
    results.map(({ outcome, error }) => error?.code ?? outcome))));
  assert.equal((await customer.transfers()).length, 10);
  assert.equal(distinct(seller), 10, "what is over the budget is not even sent");
  for (const { code, results } of runs) {
    assert.equal(code, results.some(({ outcome }) => outcome === "refused") ? 4 : 0);
  }
});

test("eight processes with the same request and a daily budget of five: five transfers", async (t) => {
  const customer = shop.customer();
  const seller = await shop.seller(houseOf(t), { paid: honest });
  const args = ["--budget", "$0.005/day"];
  const runs = await Promise.all(EIGHT.map(() => customer.pay(seller.url, { args })));
  assert.equal(count(runs, "settled"), 5, JSON.stringify(runs.map(({ results }) => results)));
  assert.equal((await customer.transfers()).length, 5);
  assert.equal(distinct(seller), 5);
});

test("a budget of the whole command holds for each process, the daily one for all of them", async (t) => {
  const customer = shop.customer();
  const seller = await shop.seller(houseOf(t), { paid: honest });
  const args = ["-n", "4", "-c", "4", "--budget", "$0.002", "--budget", "$0.011/day"];
  const runs = await Promise.all(EIGHT.map((i) => customer.pay(`${seller.url}/${i}`, { args })));
  for (const run of runs) assert.ok(count([run], "settled") <= 2, "two each at most");
  assert.equal(count(runs, "settled"), 11);
  assert.equal((await customer.transfers()).length, 11);
});

test("payments that are denied count against the budget of every process", async (t) => {
  const customer = shop.customer();
  const seller = await shop.seller(houseOf(t), { paid: (_request, response) => response.writeHead(400).end() });
  const args = ["--budget", "$0.003/day"];
  const runs = await Promise.all(EIGHT.map((i) => customer.pay(`${seller.url}/${i}`, { args })));
  assert.deepEqual([count(runs, "failed"), count(runs, "refused")], [3, 5]);
  assert.equal(distinct(seller), 3);
});

test("a killed process's payment is finished by exactly one of those that wait for its lease", async (t) => {
  const customer = shop.customer();
  let held;
  const seller = await shop.seller(houseOf(t), { paid: async (request, response, payment, number) => {
    await shop.settle(payment);
    if (number > 1) return honest(request, response, payment);
    held = request;
    return undefined; // settled, and never answered
  } });
  const args = ["--budget", "$0.001/day"];
  const child = spawnBound(X402, ["pay", seller.url, "--home", customer.home, ...args],
    { env: { X402_EVM_KEY: customer.payer.key }, stdio: "ignore" });
  await eventually(() => held, { what: "the payment on its way" });
  await stopChild(child, { signal: "SIGKILL" });
  // All start at once, while the dead process's lease still runs.
  const runs = await Promise.all([1, 2, 3].map(() => customer.pay(seller.url, { args })));
  assert.deepEqual([count(runs, "settled"), count(runs, "refused")], [1, 2], JSON.stringify(runs.map(({ results }) =>
    results)));
  assert.equal(distinct(seller), 1, "the same payment, byte for byte");
  assert.equal((await customer.transfers()).length, 1);
  assert.deepEqual((await customer.history()).map(({ outcome }) => outcome), ["settled"]);
});
