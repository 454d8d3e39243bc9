// SPDX-License-Identifier: Apache-2.0
//
// SIGHUP at a facilitator: who may ask, for whom, how much, and what a day may cost change while it
// runs; a file that is not good changes nothing and says where it is wrong; what is bound to the
// start is named.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { askFacilitator, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { toToml } from "../lib/toml.mjs";
import { wireRequest } from "../lib/wire.mjs";
import { facilitatorConfig, startFacilitator } from "../lib/x402bin.mjs";

const house = new House();
let world, terms, payer;

before(async () => {
  world = await house.add(startWorld({ payers: 1 }));
  payer = world.payers[0];
  terms = exactRequirements(world, { payTo: world.accounts.merchant.address });
});

after(() => house.close());

const env = { TOKEN_A: "one-secret-token", TOKEN_B: "another-secret" };

async function start(t) {
  const facilitator = await houseOf(t).add(startFacilitator(world, { config: { callers: ["env:TOKEN_A"] }, env }));
  const said = () => readFileSync(facilitator.log, "utf8");
  const count = (word) => said().split(`"event":"${word}"`).length - 1;
  // Writes the file anew and waits for the word that answers the signal.
  const reload = async (text, word) => {
    const before = count(word);
    writeFileSync(join(facilitator.dir, "facilitator.toml"), text);
    process.kill(facilitator.pid, "SIGHUP");
    await eventually(() => count(word) > before, { what: word });
    return said();
  };
  const ask = (token, path = "/supported") => wireRequest(facilitator.url + path,
      { headers: ["Authorization", `Bearer ${token}`] });
  return { facilitator, reload, ask };
}

const file = (options) => toToml(facilitatorConfig(world, options).config);

test("callers, recipients and the day's budget change without a restart", async (t) => {
  const { facilitator, reload, ask } = await start(t);
  assert.equal((await ask(env.TOKEN_A)).status, 200);
  assert.equal((await ask(env.TOKEN_B)).status, 401);
  await reload(file({ config: { callers: ["env:TOKEN_B"] } }), "reloaded");
  assert.equal((await ask(env.TOKEN_A)).status, 401);
  assert.equal((await ask(env.TOKEN_B)).status, 200);

  await reload(file({ network: { daily_gas_budget: "1" } }), "reloaded");
  const payment = await exactPayment(payer, terms);
  const poor = await askFacilitator(facilitator.url, "settle", payment);
  assert.deepEqual([poor.status, poor.body.error?.code], [503, "budget_exhausted"]);

  await reload(file({ config: { pay_to_allow: [world.accounts.facilitator2.address] } }), "reloaded");
  const refused = await askFacilitator(facilitator.url, "verify", payment);
  assert.equal(refused.body.invalidReason, "pay_to_not_allowed");

  await reload(file(), "reloaded");
  const settled = await askFacilitator(facilitator.url, "settle", payment);
  assert.equal(settled.body.success, true, JSON.stringify(settled.body));
});

test("a wrong file changes nothing and says where it is wrong", async (t) => {
  const { reload, ask } = await start(t);
  const wrong = [
    ["callers = 7\n", /facilitator\.toml:\d+/],
    [`${file({ config: { callers: ["env:TOKEN_B"], no_such_key: 1 } })}`, /facilitator\.toml:\d+.*no_such_key/],
    ["= broken", /facilitator\.toml:\d+/],
  ];
  for (const [text, told] of wrong) {
    assert.match(await reload(text, "reload_refused"), told);
    assert.equal((await ask(env.TOKEN_A)).status, 200);
    assert.equal((await ask(env.TOKEN_B)).status, 401);
  }
});

test("what is bound to the start is named, and stays", async (t) => {
  const { reload, ask } = await start(t);
  const text = file({ listen: "127.0.0.1:1", config: { callers: ["env:TOKEN_B"], store: "sqlite:other.db" },
    network: { confirmations: 2 } });
  const said = await reload(text, "needs a restart");
  const line = said.split("\n").find((each) => each.includes("needs a restart"));
  for (const path of ["listen", "store", "confirmations"]) assert.ok(line.includes(path), line);
  assert.ok(!line.includes("callers"), line);
  assert.equal((await ask(env.TOKEN_B)).status, 200);
});
