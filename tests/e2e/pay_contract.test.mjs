// SPDX-License-Identifier: Apache-2.0
//
// Promises of the command line that no other file keeps an eye on: where keys and state come from,
// the worst of several exit codes, what an error says, what is never printed.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { House, houseOf } from "../lib/house.mjs";
import { Shop, distinct, receiptHeader, told } from "../lib/pay_kit.mjs";
import { decodeHeader } from "../lib/payments.mjs";
import { requiredOf, respond402 } from "../lib/seller.mjs";
import { startRelay, startUpstream } from "../lib/wire.mjs";
import { newFolder, startGateway, x402 } from "../lib/x402bin.mjs";

const house = new House();
let shop, gateway;

before(async () => {
  shop = await Shop.open(house, { payers: 16 });
  const upstream = await house.add(startUpstream((_request, response) => response.end("sunny")));
  gateway = await house.add(startGateway(shop.world, { upstream: upstream.url,
    facilitators: [shop.facilitator.url] }));
});
after(() => house.close());

const honest = async (_request, response, payment) =>
  response.writeHead(200, receiptHeader(await shop.settle(payment))).end("bought");

test("a key comes from a variable, from a file, or from the default variable", async (t) => {
  const seller = await shop.seller(houseOf(t), { paid: honest });
  const file = join(newFolder("key"), "payer.key");
  for (const how of ["env:MY_KEY", `file:${file}`, undefined]) {
    const { payer, home } = shop.customer();
    writeFileSync(file, `${payer.key}\n`, { mode: 0o600 });
    const env = { X402_EVM_KEY: how ? "" : payer.key, MY_KEY: payer.key };
    const key = how ? ["--key", how] : [];
    const got = await x402(["pay", seller.url, "--json", "--home", home, ...key], { env });
    assert.equal(got.code, 0, got.stdout + got.stderr);
    assert.equal(seller.payments.at(-1).payload.authorization.from.toLowerCase(), payer.address.toLowerCase());
    assert.ok(!(got.stdout + got.stderr).includes(payer.key.slice(2)));
  }
});

test("state lives in --home, else X402_HOME, else the XDG data folder, readable by nobody else", async (t) => {
  const seller = await shop.seller(houseOf(t), { paid: honest });
  const { payer } = shop.customer();
  const base = newFolder("places");
  const places = { given: join(base, "given"), variable: join(base, "variable"), xdg: join(base, "xdg"),
    home: join(base, "home") };
  mkdirSync(places.home);
  const env = { X402_EVM_KEY: payer.key, X402_HOME: places.variable, XDG_DATA_HOME: places.xdg, HOME: places.home };
  const rows = [[["--home", places.given], env, places.given], [[], env, places.variable],
    [[], { ...env, X402_HOME: "" }, join(places.xdg, "x402")],
    [[], { ...env, X402_HOME: "", XDG_DATA_HOME: "" }, join(places.home, ".local/share/x402")]];
  for (const [args, variables, folder] of rows) {
    assert.ok(!existsSync(folder), folder);
    const got = await x402(["pay", seller.url, ...args], { env: variables });
    assert.equal(got.code, 0, got.stderr);
    assert.equal(statSync(folder).mode & 0o077, 0, `${folder} is private`);
    assert.ok(readdirSync(folder).length > 0, folder);
  }
  assert.equal(distinct(seller), rows.length, "four places, four journals, four payments");
  const open = join(base, "open");
  mkdirSync(open, { mode: 0o755 });
  assert.equal((await x402(["pay", seller.url, "--home", open], { env })).code, 0);
  for (const name of readdirSync(open)) assert.equal(statSync(join(open, name)).mode & 0o077, 0, name);
});

test("the exit code is the worst of N: 3 before 1 before 4 before 0", async (t) => {
  const dear = { ...shop.terms, amount: "5000000" };
  const bad = { denied: (_request, response) => response.writeHead(400).end(),
    unknown: (request) => request.socket.destroy() };
  const rows = [[["good", "good"], 0], [["good", "dear"], 4], [["dear", "good"], 4], [["good", "dear", "denied"], 1],
    [["dear", "denied"], 1], [["good", "dear", "unknown"], 3]];
  for (const [plan, code] of rows) {
    let asked = 0;
    const seller = await shop.seller(houseOf(t), {
      unpaid: (_request, response) =>
        respond402(response, requiredOf([plan[asked++] === "dear" ? dear : shop.terms])),
      paid: (request, response, payment) => (bad[plan[asked - 1]] ?? honest)(request, response, payment) });
    const got = await shop.customer().pay(seller.url, { args: ["-n", `${plan.length}`] });
    assert.equal(got.code, code, `${plan}: ${got.stdout}`);
    assert.equal(got.results.length, plan.length, "one line a request");
  }
});

test("an error says code, sentence, field and next step", async (t) => {
  const seller = await shop.seller(houseOf(t), { paid: honest });
  const { pay } = shop.customer();
  const got = await pay(seller.url, { args: ["-H", "PAYMENT-SIGNATURE: mine"] });
  const [{ error }] = got.results;
  assert.equal(error.field, "headers");
  for (const member of ["code", "message", "next"]) assert.ok(error[member]?.length > 3, member);
  assert.deepEqual([got.code, seller.seen.length], [1, 0]);
});

test("a 402 in reply to a resend makes no new signature in the same run", async (t) => {
  const customer = shop.customer();
  let silent = true;
  const seller = await shop.seller(houseOf(t), { paid: (request, response) =>
    silent ? request.socket.destroy() : respond402(response, requiredOf([{ ...shop.terms, amount: "1" }])) });
  assert.equal((await customer.pay(seller.url)).code, 3);
  silent = false;
  const second = await customer.pay(seller.url, { args: ["-n", "2"] });
  assert.deepEqual(told(second).slice(0, 2), [3, "unknown"], second.stdout);
  assert.equal(distinct(seller), 1);
});

// Who has seen a payment and knows its quote may ask for what was bought.
test("neither the quote nor the signature is printed or kept in a log", async (t) => {
  const relay = await houseOf(t).add(startRelay(gateway.url));
  const customer = shop.customer();
  const url = `${relay.url}/weather`;
  const runs = [await customer.pay(url), await customer.plain(url), await customer.plain(url, ["--dry-run"]),
    await customer.plain(url, ["--dry-run", "--json"])];
  for (const { code, stderr } of runs) assert.equal(code, 0, stderr);
  const [{ accepted, payment }] = runs[0].results;
  assert.deepEqual([accepted.extra.name, payment.success], ["USDC", true], "all the rest is there");
  const secrets = relay.seen.map(({ headers }) => headers["payment-signature"]).filter(Boolean).map(decodeHeader)
    .flatMap(({ accepted: { extra }, payload: { signature } }) => [extra.quote, signature]);
  assert.equal(secrets.length, 4);
  const said = runs.map(({ stdout, stderr }) => stdout + stderr).join("\n");
  for (const secret of secrets) {
    assert.ok(secret?.length >= 16);
    assert.ok(!said.includes(secret), "a secret was printed");
  }
  const shown = JSON.parse(runs[3].stdout);
  for (const offer of [accepted, shown.would_pay, shown.offers[0].accepted]) {
    assert.equal(offer.extra.quote, "[hidden]");
  }
});
