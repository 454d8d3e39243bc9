// SPDX-License-Identifier: Apache-2.0
//
// What an operator may forbid, and what a facilitator says when it cannot work: unknown callers,
// too many requests, recipients, small amounts, foreign tokens, an empty purse, a chain that does
// not answer. Only the payment's own faults are judged; all else is 503 and costs the payer nothing.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { askFacilitator, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { startRelay, wireRequest } from "../lib/wire.mjs";
import { startFacilitator } from "../lib/x402bin.mjs";

const house = new House();
const FAST = { poll: "20ms" };
let world, chain, terms, payer, merchant;

before(async () => {
  world = await house.add(startWorld({ payers: 3 }));
  chain = new Chain(world);
  payer = world.payers[0];
  merchant = world.accounts.merchant.address;
  terms = exactRequirements(world, { payTo: merchant });
});

after(() => house.close());

function start(t, { network, ...options } = {}) {
  return houseOf(t).add(startFacilitator(world, { network: { ...FAST, ...network }, ...options }));
}

const used = ({ payload: { authorization } }) => chain.isAuthorizationUsed(authorization.from, authorization.nonce);

// Refused in both doors with the same code, judged (200), and untouched on the chain.
async function assertRefused(url, payment, code) {
  const verdict = await askFacilitator(url, "verify", payment);
  assert.equal(verdict.status, 200);
  assert.deepEqual([verdict.body.isValid, verdict.body.invalidReason], [false, code]);
  assert.equal(verdict.body.extra.error.code, code);
  assert.ok(verdict.body.invalidMessage.length > 10);
  const outcome = await askFacilitator(url, "settle", payment);
  assert.equal(outcome.status, 200);
  assert.deepEqual([outcome.body.success, outcome.body.errorReason, outcome.body.transaction], [false, code, ""]);
}

test("callers: without the right token everything about payments is 401", async (t) => {
  const env = { TOKEN_A: "one-secret-token", TOKEN_B: "another-secret" };
  const { url } = await start(t, { config: { callers: ["env:TOKEN_A", "env:TOKEN_B"] }, env });
  const payment = await exactPayment(payer, terms);
  const body = JSON.stringify({ x402Version: 2, paymentPayload: payment, paymentRequirements: terms });
  const ask = (headers, path = "/verify") =>
    wireRequest(url + path, path === "/verify" || path === "/settle" ? { method: "POST", headers, body } : { headers });
  const bad = [[], ["Authorization", "Bearer wrong"], ["Authorization", "one-secret-token"],
    ["Authorization", "Bearer "], ["Authorization", "Basic one-secret-token"],
    ["Authorization", "Bearer one-secret-token", "Authorization", "Bearer one-secret-token"]];
  for (const path of ["/verify", "/settle", "/supported", "/settlements/x"]) {
    for (const headers of bad) {
      const { status, body: told, headers: got } = await ask(headers, path);
      assert.deepEqual([status, told.error.code], [401, "unauthorized"], `${path} ${headers}`);
      assert.equal(got["www-authenticate"], "Bearer");
    }
  }
  assert.equal(await used(payment), false);
  assert.equal((await ask([], "/health")).status, 200);
  assert.equal((await ask([], "/ready")).status, 200);
  for (const token of Object.values(env))
    assert.equal((await ask(["authorization", `bearer ${token}`])).body.isValid, true);
});

test("rate: above it 429 with Retry-After, and never a judgement", async (t) => {
  const { url } = await start(t, { config: { rate: 2 } });
  const answers = [];
  for (let i = 0; i < 40; ++i) answers.push(await wireRequest(`${url}/supported`));
  const limited = answers.filter(({ status }) => status === 429);
  assert.ok(limited.length > 0 && limited.length < 40, `${limited.length} of 40`);
  for (const { headers, body } of limited) {
    assert.ok(Number(headers["retry-after"]) >= 1);
    assert.equal(body.error.code, "rate_limited");
  }
  assert.equal((await wireRequest(`${url}/health`)).status, 200);
});

test("pay_to_allow, min_amount and unknown tokens are told by their codes", async (t) => {
  const config = { pay_to_allow: [merchant] };
  const { url } = await start(t, { config, network: { min_amount: "$0.0005" } });
  const stranger = world.accounts.facilitator3.address;
  const elsewhere = exactRequirements(world, { payTo: stranger });
  await assertRefused(url, await exactPayment(payer, elsewhere), "pay_to_not_allowed");
  const small = exactRequirements(world, { payTo: merchant, amount: "499" });
  await assertRefused(url, await exactPayment(payer, small), "amount_below_minimum");
  const foreign = await world.deployToken("TestUsd", "Foreign USD");
  const unknown = exactRequirements(world, { payTo: merchant, asset: foreign, extra: { name: "Foreign USD",
      version: "2" } });
  await assertRefused(url, await exactPayment(payer, unknown), "unsupported_asset");
  const other = { ...terms, network: "eip155:8453" };
  await assertRefused(url, await exactPayment(payer, other), "invalid_network");
  const enough = exactRequirements(world, { payTo: merchant.toLowerCase(), amount: "500" });
  const { body } = await askFacilitator(url, "verify", await exactPayment(payer, enough));
  assert.equal(body.isValid, true, JSON.stringify(body));
});

test("a configured token is settled, and its domain must hold", async (t) => {
  const address = await world.deployToken("TestUsd", "House USD", "7");
  await world.mint(payer.address, 1_000_000, address);
  const asset = { network: world.network, address, decimals: 6, usd: true };
  const good = { ...asset, eip712: { name: "House USD", version: "7" } };
  const { url } = await start(t, { assets: { house: good } });
  const extra = { name: "House USD", version: "7" };
  const payment = await exactPayment(payer, exactRequirements(world, { payTo: merchant, asset: address, extra }));
  const { body } = await askFacilitator(url, "settle", payment);
  assert.equal(body.success, true, JSON.stringify(body));
  assert.equal((await chain.transfers({ to: merchant, token: address })).length, 1);
  const bad = { ...asset, eip712: { name: "House USD", version: "2" } };
  const env = { X402_SIGNER_1: world.accounts.facilitator2.key };
  await assert.rejects(() => start(t, { assets: { house: bad }, env }), /version|eip712|domain/i);
});

test("a spent gas budget is 503 before anything is signed; the payment stays good", async (t) => {
  const { url } = await start(t, { network: { daily_gas_budget: "1" } });
  const payment = await exactPayment(payer, terms);
  const { status, headers, body } = await askFacilitator(url, "settle", payment);
  assert.deepEqual([status, body.error?.code], [503, "budget_exhausted"], JSON.stringify(body));
  assert.ok(Number(headers.get("retry-after")) >= 1);
  assert.equal(body.success, undefined);
  assert.equal(await used(payment), false);
  const rich = await start(t, { signers: [world.accounts.facilitator2] });
  assert.equal((await askFacilitator(rich.url, "settle", payment)).body.success, true);
});

test("a signer without funds: not ready, and nobody's payment is blamed", async (t) => {
  const poor = world.accounts.facilitator4;
  await world.fund(poor.address, "0");
  const facilitator = await start(t, { signers: [poor], network: { settle_wait: "1s" } });
  await eventually(async () => (await wireRequest(`${facilitator.url}/ready`)).status === 503, { what: "not ready" });
  const payment = await exactPayment(payer, terms);
  const { status, body } = await askFacilitator(facilitator.url, "settle", payment);
  const blamed = status === 200 && body.success === false && body.errorReason !== "settlement_pending";
  assert.equal(blamed, false, JSON.stringify([status, body]));
  assert.equal(await used(payment), false);
});

test("a dead RPC is 503 with Retry-After, never isValid:false; the same payment works afterwards", async (t) => {
  const rpc = await houseOf(t).add(startRelay(world.rpc));
  const facilitator = await start(t, { network: { rpc: [rpc.url], settle_wait: "2s" } });
  const payment = await exactPayment(payer, terms);
  for (const how of ["drop", { status: 500, body: "boom" }, { status: 429, body: "slow down" }, { status: 200,
      body: "{" }]) {
    rpc.decide = () => how;
    for (const endpoint of ["verify", "settle"]) {
      const { status, headers, body } = await askFacilitator(facilitator.url, endpoint, payment);
      assert.equal(status, 503, `${JSON.stringify(how)} ${endpoint}: ${JSON.stringify(body)}`);
      assert.ok(Number(headers.get("retry-after")) >= 1);
      assert.deepEqual([body.isValid, body.success], [undefined, undefined]);
      assert.equal(body.error.retryable, true);
    }
  }
  await eventually(async () => (await wireRequest(`${facilitator.url}/ready`)).status === 503, { what: "not ready" });
  assert.equal((await wireRequest(`${facilitator.url}/health`)).status, 200);
  rpc.decide = () => "pass";
  const settled = await eventually(async () => {
    const { status, body } = await askFacilitator(facilitator.url, "settle", payment);
    return status === 200 && body;
  }, { deadlineMs: 20_000, what: "a settlement after the RPC came back" });
  assert.equal(settled.success, true, JSON.stringify(settled));
  assert.equal((await wireRequest(`${facilitator.url}/ready`)).status, 200);
});

// Version 1: short network names, maxAmountRequired, and at least the amount asked for.
function v1Terms(overrides = {}) {
  return {
    scheme: "exact", network: "base-sepolia", maxAmountRequired: "1000", resource: "https://api.test/weather",
    description: "weather", mimeType: "application/json", payTo: merchant, maxTimeoutSeconds: 300, asset: world.usdc,
    extra: { name: "USDC", version: "2" }, ...overrides,
  };
}

async function askV1(url, endpoint, signed, requirements) {
  const paymentPayload = { x402Version: 1, scheme: "exact", network: "base-sepolia", payload: signed.payload };
  const body = JSON.stringify({ x402Version: 1, paymentPayload, paymentRequirements: requirements });
  return wireRequest(`${url}/${endpoint}`, { method: "POST", headers: ["content-type", "application/json"], body });
}

test("version 1 bodies are verified and settled, and answered in version 1 words", async (t) => {
  const { url } = await start(t);
  const signed = await exactPayment(payer, terms, { authorization: { value: "1200" } });
  const verdict = await askV1(url, "verify", signed, v1Terms());
  assert.deepEqual([verdict.status, verdict.body.isValid], [200, true], JSON.stringify(verdict.body));
  const more = await askV1(url, "verify", signed, v1Terms({ maxAmountRequired: "1201" }));
  assert.deepEqual([more.body.isValid, more.body.invalidReason], [false, "invalid_exact_evm_authorization_value"]);
  const { body } = await askV1(url, "settle", signed, v1Terms());
  assert.equal(body.success, true, JSON.stringify(body));
  assert.equal(body.network, "base-sepolia");
  const [transfer] = (await chain.transfers({ from: payer.address })).slice(-1);
  assert.deepEqual([transfer.transaction, transfer.value], [body.transaction, 1200n]);
  const again = await askFacilitator(url, "settle", { ...signed, accepted: { ...terms, amount: "1200" } });
  assert.deepEqual([again.body.success, again.body.errorReason], [false, "duplicate_settlement"]);
});
