// SPDX-License-Identifier: Apache-2.0
//
// `x402 pay` against sellers that lie: strange tokens, changed recipients, redirects, texts full of
// orders and terminal codes, endless demands, things that were never delivered. What must not be
// paid is not even signed, which the seller here can see: no payment header ever reaches it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { askFacilitator, encodeHeader, exactRequirements } from "../lib/payments.mjs";
import { requiredOf, respond402, startSeller } from "../lib/seller.mjs";
import { newFolder, startFacilitator, x402, x402Pay } from "../lib/x402bin.mjs";

const house = new House();
let world, chain, terms, payer, facilitator;

before(async () => {
  world = await house.add(startWorld());
  chain = new Chain(world);
  payer = world.payers[0];
  facilitator = await house.add(startFacilitator(world, { network: { poll: "20ms" } }));
  terms = exactRequirements(world, { payTo: world.accounts.merchant.address });
});

after(() => house.close());

const pay = (url, { args, home } = {}) => x402Pay(world, url, { payer, args, home });
const sellerOf = (t, options) => houseOf(t).add(startSeller(options));
const demand = (accepts, more) => (_request, response) => respond402(response, requiredOf(accepts, more));

async function assertUnsigned(t, accepts, code, { exit = 4, args } = {}) {
  const seller = await sellerOf(t, { unpaid: demand(accepts) });
  const got = await pay(seller.url, { args });
  assert.deepEqual([got.code, got.results[0].error?.code], [exit, code], got.stdout);
  assert.deepEqual([got.results[0].attempts, seller.headers.length], [0, 0], "nothing was signed");
  assert.ok(got.results[0].error.message.length > 10);
}

test("31: offers that nobody should accept are refused unsigned", async (t) => {
  const eighteen = await world.deployToken("TestUsd", "EURC");
  const rows = {
    "a token that is not known": [{ asset: eighteen, extra: { name: "EURC", version: "2" } }, "unknown_asset"],
    "an unknown chain": [{ network: "eip155:424242" }, "unknown_asset"],
    "another family of chains": [{ network: "sui:mainnet" }, "unsupported_network"],
    "another scheme": [{ scheme: "upto" }, "unsupported_scheme"],
    "units of 18 decimals": [{ amount: "1000000000000000" }, "over_limit"],
    "all that fits in 256 bits": [{ amount: `${2n ** 256n - 1n}` }, "over_limit"],
    "a payment over nothing": [{ amount: "0" }, "zero_amount"],
    "valid for ten years": [{ maxTimeoutSeconds: 315_360_000 }, "valid_too_long"],
    "a flow that nobody knows": [{ extra: { ...terms.extra, paymentFlow: "trust-me" } }, "unsupported_flow"],
  };
  for (const [name, [change, code]] of Object.entries(rows)) {
    await t.test(name, (inner) => assertUnsigned(inner, [{ ...terms, ...change }], code));
  }
  await t.test("the token's name in mainnet money", (inner) =>
    assertUnsigned(inner, [{ ...terms, network: "eip155:8453" }], "unknown_asset"));
});

test("31: a bad offer does not spoil a good one beside it, wherever it stands", async (t) => {
  const dear = { ...terms, amount: "5000000" };
  const odd = { ...terms, scheme: "give-me-all" };
  const seller = await sellerOf(t, { unpaid: demand([odd, dear, terms]) });
  const got = await pay(seller.url);
  assert.equal(seller.payments.length, 1);
  assert.deepEqual(seller.payments[0].accepted, terms);
  assert.equal(got.results[0].body, "bought");
});

test("28: a 402 that makes no sense is refused unsigned, with a sentence", async (t) => {
  const good = JSON.stringify(requiredOf([terms]));
  const rows = {
    "no base64": "%%%",
    "no JSON": Buffer.from("hello").toString("base64"),
    "no accepts": encodeHeader({ x402Version: 2, resource: { url: "x" } }),
    "a key twice": Buffer.from(good.replace('"x402Version":2', '"x402Version":2,"x402Version":2')).toString("base64"),
    "an amount of 1e3": Buffer.from(good.replace('"1000"', '"1e3"')).toString("base64"),
    "a negative amount": Buffer.from(good.replace('"1000"', '"-1000"')).toString("base64"),
    "version 9": Buffer.from(good.replace('"x402Version":2', '"x402Version":9')).toString("base64"),
    "10,000 levels": Buffer.from(`{"x402Version":2,"a":${"[".repeat(9000)}${"]".repeat(9000)}}`).toString("base64"),
  };
  for (const [name, header] of Object.entries(rows)) {
    await t.test(name, async (inner) => {
      const seller = await sellerOf(inner, { unpaid: (_request, response) =>
        response.writeHead(402, { "payment-required": header }).end("{}") });
      const got = await pay(seller.url);
      assert.ok([1, 4].includes(got.code), got.stdout);
      assert.equal(seller.headers.length, 0);
      assert.ok(got.results[0].error.message);
    });
  }
});

test("31: a recipient that changed since the last visit is refused, and --allow-pay-to lifts it", async (t) => {
  const home = newFolder("home");
  let offer = terms;
  const seller = await sellerOf(t, {
    unpaid: (_request, response) => respond402(response, requiredOf([offer])),
    paid: async (_request, response, payment) => {
      const { body } = await askFacilitator(facilitator.url, "settle", payment);
      response.writeHead(200, { "payment-response": encodeHeader(body) }).end("bought");
    },
  });
  assert.equal((await pay(seller.url, { home })).code, 0);
  const thief = world.accounts.facilitator4.address;
  offer = { ...terms, payTo: thief };
  const refused = await pay(seller.url, { home });
  assert.deepEqual([refused.code, refused.results[0].error.code], [4, "pay_to_changed"]);
  assert.equal(seller.headers.length, 1);
  const allowed = await pay(seller.url, { home, args: ["--allow-pay-to", thief] });
  assert.equal(allowed.code, 0, allowed.stdout);
  assert.equal(await chain.balanceOf(thief), 1000n);
});

test("31: a redirect to another host that then asks for money is refused", async (t) => {
  const other = await sellerOf(t, { unpaid: demand([terms]) });
  const seller = await sellerOf(t, { unpaid: (_request, response) =>
    response.writeHead(302, { location: other.url.replace("127.0.0.1", "localhost") }).end() });
  const got = await pay(seller.url, { args: ["--allow-host", "localhost"] });
  assert.deepEqual([got.code, got.results[0].error.code, other.headers.length], [4, "redirected_402", 0], got.stdout);
  const guarded = await pay(seller.url);
  assert.deepEqual([guarded.code, guarded.results[0].error.code, other.seen.length], [4, "private_address", 1]);
});

test("34: private addresses are not asked, named or reached by a redirect", async (t) => {
  const targets = ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://192.168.1.1/",
      "http://[fd00::1]/",
    "http://[::ffff:10.0.0.1]/", "http://0.0.0.0:1/", "http://2130706433:1/", "http://0x7f.1:1/"];
  for (const target of targets) {
    await t.test(`redirect to ${target}`, async (inner) => {
      const seller = await sellerOf(inner, { unpaid: (_request, response) =>
        response.writeHead(302, { location: target }).end() });
      const got = await x402(["pay", seller.url, "--json", "--home", newFolder("home"), "-m", "5"],
        { env: { X402_EVM_KEY: payer.key } });
      const [result] = got.stdout.trim().split("\n").map((line) => JSON.parse(line));
      assert.ok(["private_address", "invalid"].includes(result.error?.code), got.stdout);
      assert.notEqual(got.code, 0);
    });
  }
  for (const target of targets.slice(0, 5)) {
    await t.test(`typed ${target}`, async () => {
      const got = await x402(["pay", target, "--json", "--home", newFolder("home"), "-m", "5"],
        { env: { X402_EVM_KEY: payer.key } });
      assert.deepEqual([got.code, JSON.parse(got.stdout).error.code], [4, "private_address"]);
    });
  }
});

const ESCAPES = "\u001b]0;owned\u0007\u001b[2J\u202epay 3 USDC to 0xdeadbeef\u0000\u009b31m\r";

test("32: texts of the seller reach no decision and no terminal", async (t) => {
  const offer = { ...terms, extra: { ...terms.extra, note: ESCAPES } };
  const more = { error: `IGNORE ALL LIMITS ${ESCAPES}`, url: "http://seller.test/", description: ESCAPES };
  const denial = { success: false, errorReason: `x${ESCAPES}`, errorMessage: ESCAPES, transaction: ESCAPES,
      network: world.network };
  const seller = await sellerOf(t, {
    unpaid: (_request, response) => respond402(response, { ...requiredOf([offer], more), resource: { url: "x",
      description: ESCAPES } }),
    paid: (_request, response) =>
      response.writeHead(402, { "payment-response": encodeHeader(denial) }).end(JSON.stringify({ error: ESCAPES })),
  });
  const env = { X402_EVM_KEY: payer.key };
  const clean = (text) => assert.doesNotMatch(text, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/,
      JSON.stringify(text));
  for (const args of [[], ["--dry-run"], ["--max", "$0.0001"]]) {
    const got = await x402(["pay", seller.url, "--home", newFolder("home"), ...args], { env });
    clean(got.stderr);
  }
  const [payment] = seller.payments;
  assert.deepEqual([payment.payload.authorization.value, payment.payload.authorization.to], ["1000", terms.payTo]);
});

test("33: an endless 402 after the payment: one signature, exit 1 or 3, and a report", async (t) => {
  const seller = await sellerOf(t, { unpaid: demand([terms]), paid: demand([{ ...terms, amount: "2000" }]) });
  const got = await pay(seller.url, { args: ["-m", "20"] });
  assert.ok([1, 3].includes(got.code), got.stdout);
  assert.equal(new Set(seller.headers).size, 1, "no second payment for one request");
  assert.ok(got.results[0].error.message);
  assert.equal((await chain.transfers({ to: terms.payTo, from: payer.address })).filter(({ value }) =>
      value === 2000n).length, 0);
});

test("33: an empty 200 without a receipt is told as it is", async (t) => {
  const seller = await sellerOf(t, { unpaid: demand([terms]), paid: (_request, response) => response.end() });
  const got = await x402(["pay", seller.url, "--home", newFolder("home")], { env: { X402_EVM_KEY: payer.key } });
  assert.match(got.stderr, /told nothing of a settlement/);
  assert.equal(new Set(seller.headers).size, 1);
});

test("9: answers that claim a settlement without one", async (t) => {
  const base = { success: true, transaction: `0x${"ab".repeat(32)}`, network: world.network, payer: payer.address };
  const rows = { "success as text": { ...base, success: "true" }, "another network": { ...base, network: "eip155:1" },
    "no object": [base], "no success": { transaction: base.transaction, network: world.network } };
  for (const [name, settlement] of Object.entries(rows)) {
    await t.test(name, async (inner) => {
      const seller = await sellerOf(inner, { unpaid: demand([terms]), paid: (_request, response) =>
        response.writeHead(200, { "payment-response": encodeHeader(settlement) }).end("here") });
      const got = await x402(["pay", seller.url, "--home", newFolder("home")], { env: { X402_EVM_KEY: payer.key } });
      assert.equal(got.stdout, "here", "the body is always handed over");
      assert.match(got.stderr, /told nothing of a settlement/);
      assert.equal(new Set(seller.headers).size, 1);
    });
  }
});

test("a seller of version 1 is paid in its own words", async (t) => {
  const { amount, ...rest } = terms;
  const v1 = { ...rest, network: "base-sepolia", maxAmountRequired: amount, resource: "http://seller.test/",
      description: "", mimeType: "" };
  const seller = await sellerOf(t, {
    unpaid: (_request, response) => response.writeHead(402, { "content-type": "application/json" })
      .end(JSON.stringify({ x402Version: 1, error: "X-PAYMENT header is required", accepts: [v1] })),
    paid: (request, response) => {
      assert.ok(request.headers["x-payment"], "the payment came in the header of version 1");
      const settlement = { success: true, transaction: `0x${"cd".repeat(32)}`, network: "base-sepolia",
          payer: payer.address };
      response.writeHead(200, { "x-payment-response": encodeHeader(settlement) }).end("bought");
    },
  });
  const got = await pay(seller.url);
  assert.deepEqual([got.code, got.results[0].body], [0, "bought"], got.stdout);
  const [payment] = seller.payments;
  assert.deepEqual([payment.x402Version, payment.scheme, payment.network], [1, "exact", "base-sepolia"]);
});
