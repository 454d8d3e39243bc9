// SPDX-License-Identifier: Apache-2.0
//
// The facilitator's transactions under bad weather: several signers, fees that rise, a pool that
// forgets, a node that lies or dies, a nonce that somebody else used. Every payment is settled
// once, whatever it takes, and never in two transactions that could both be mined.

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFunctionData, parseAbi } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { houseOf } from "../lib/house.mjs";
import { askFacilitator, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { metricSum, rpcMethods, startRelay, wireRequest } from "../lib/wire.mjs";
import { startFacilitator } from "../lib/x402bin.mjs";

const SEND = "eth_sendRawTransaction";

// A chain that mines by hand, and a facilitator on it.
async function lane(t, { payers = 2, signers = ["facilitator1"], network, relayed = false, blockTime = 1000 } = {}) {
  const house = houseOf(t);
  const world = await house.add(startWorld({ payers, blockTime }));
  const chain = new Chain(world);
  const relay = relayed ? await house.add(startRelay(world.rpc)) : undefined;
  const accounts = signers.map((name) => world.accounts[name]);
  const facilitator = await house.add(startFacilitator(world, {
    signers: accounts,
    network: { poll: "20ms", stuck_after: "10m", ...(relay ? { rpc: [relay.url] } : {}), ...network },
  }));
  const terms = exactRequirements(world, { payTo: world.accounts.merchant.address });
  const settle = (payment) => askFacilitator(facilitator.url, "settle", payment);
  const pay = async (i = 0) => settle(await exactPayment(world.payers[i], terms));
  return { house, world, chain, relay, accounts, facilitator, terms, settle, pay };
}

// The pool's transactions of an account by nonce.
async function pooled(world, { address }) {
  const { pending, queued } = await world.request("txpool_content", []);
  const mine = (part) => Object.entries(part).find(([from]) => from.toLowerCase() === address.toLowerCase())?.[1] ?? {};
  return { ...mine(queued), ...mine(pending) };
}

async function firstInPool(world, account) {
  return eventually(async () => Object.values(await pooled(world, account))[0], { everyMs: 10, what: "a send" });
}

async function assertSettledOnce({ chain, world }, answer, payer = world.payers[0]) {
  assert.equal(answer.body.success, true, JSON.stringify(answer.body));
  const transfers = await chain.transfers({ from: payer.address });
  assert.equal(transfers.length, 1);
  assert.equal(transfers[0].transaction, answer.body.transaction);
}

test("three signers share the work of one moment, and every payment settles once", async (t) => {
  const house = await lane(t, { payers: 24, signers: ["facilitator1", "facilitator2", "facilitator3"] });
  const { world, chain, facilitator, terms, accounts } = house;
  const payments = await Promise.all(world.payers.map((payer) => exactPayment(payer, terms)));
  const asked = payments.map(house.settle);
  let open = asked.length;
  for (const one of asked) one.then(() => (open -= 1));
  await eventually(async () => {
    await world.mine();
    return open === 0;
  }, { everyMs: 50, deadlineMs: 30_000, what: "all settled" });
  const answers = await Promise.all(asked);
  assert.deepEqual(answers.filter(({ body }) => !body.success).map(({ body }) => body), []);
  const transfers = await chain.transfers({ to: world.accounts.merchant.address });
  assert.equal(transfers.length, 24);
  assert.equal(new Set(transfers.map(({ from }) => from)).size, 24);
  const counts = await Promise.all(accounts.map(({ address }) => chain.nonceOf(address)));
  assert.ok(counts.every((count) => count >= 1), `each signer sent something: ${counts}`);
  assert.ok(counts.reduce((sum, count) => sum + count, 0) < 24, "what waited left together");
  const page = (await wireRequest(`${facilitator.url}/metrics`)).body;
  for (const { address } of accounts)
    assert.ok(metricSum(page, "x402_signer_selected_total", { signer: address }) >= 1, address);
});

test("a transaction that waits too long gets a higher fee in the same nonce, and is settled once", async (t) => {
  const house = await lane(t, { network: { stuck_after: "400ms" } });
  const { world, chain, accounts, facilitator, terms } = house;
  const payment = await exactPayment(world.payers[0], terms);
  const asked = house.settle(payment);
  const first = await firstInPool(world, accounts[0]);
  const bumped = await eventually(async () => {
    const now = (await pooled(world, accounts[0]))[Number(first.nonce)];
    return now?.hash !== first.hash && now;
  }, { what: "a replacement" });
  assert.equal(bumped.nonce, first.nonce);
  assert.equal(bumped.input, first.input, "the same actions");
  const tenth = (hex) => (BigInt(hex) * 11n) / 10n;
  assert.ok(BigInt(bumped.maxFeePerGas) >= tenth(first.maxFeePerGas), "nodes ask for a tenth more");
  assert.ok(BigInt(bumped.maxPriorityFeePerGas) >= tenth(first.maxPriorityFeePerGas));
  await world.mine();
  const answer = await asked;
  await assertSettledOnce(house, answer);
  const { body } = await wireRequest(`${facilitator.url}/settlements/${answer.body.extra.paymentKey}`);
  assert.ok(body.transactions.includes(first.hash) && body.transactions.length >= 2, "all attempts are told");
  assert.equal(await chain.nonceOf(accounts[0].address), 1);
});

test("a base fee above the first offer is met by the next attempt", async (t) => {
  const house = await lane(t, { network: { stuck_after: "400ms" } });
  const { world, accounts } = house;
  const asked = house.pay();
  const first = await firstInPool(world, accounts[0]);
  const base = BigInt(first.maxFeePerGas) * 3n;
  let open = true;
  asked.then(() => (open = false));
  await eventually(async () => {
    await world.request("anvil_setNextBlockBaseFeePerGas", [`0x${base.toString(16)}`]);
    await world.mine();
    return !open;
  }, { everyMs: 100, deadlineMs: 20_000, what: "settled at the higher price" });
  await assertSettledOnce(house, await asked);
});

test("max_gas_price is never exceeded, and a settlement that waits for it stays pending", async (t) => {
  const house = await lane(t, { network: { stuck_after: "200ms", settle_wait: "2s", max_gas_price: "3gwei" } });
  const { world, accounts } = house;
  const asked = house.pay();
  await firstInPool(world, accounts[0]);
  const { body } = await asked;
  assert.deepEqual([body.success, body.errorReason], [false, "settlement_pending"]);
  for (const { maxFeePerGas } of Object.values(await pooled(world, accounts[0])))
    assert.ok(BigInt(maxFeePerGas) <= 3_000_000_000n, maxFeePerGas);
  await world.mine();
});

test("a transaction that the node forgot is sent again, byte for byte", async (t) => {
  const house = await lane(t, { network: { stuck_after: "500ms" } });
  const { world, accounts } = house;
  const asked = house.pay();
  const first = await firstInPool(world, accounts[0]);
  await world.request("anvil_dropTransaction", [first.hash]);
  assert.deepEqual(await pooled(world, accounts[0]), {});
  const back = await firstInPool(world, accounts[0]);
  assert.equal(back.nonce, first.nonce);
  assert.equal(back.input, first.input);
  await world.mine();
  await assertSettledOnce(house, await asked);
});

test("a node that loses, refuses or garbles a send is asked again; the nonce leaves no gap", async (t) => {
  const house = await lane(t, { relayed: true, blockTime: null, payers: 4 });
  const { world, chain, relay, accounts } = house;
  const error = { status: 200, headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, error: { code: -32000, message: "boom" } }) };
  for (const [i, how] of ["drop", "lose", error, { status: 502, body: "<html>" }].entries()) {
    let left = 1;
    relay.decide = ({ body }) => (rpcMethods(body).includes(SEND) && left-- > 0 ? how : "pass");
    const answer = await house.pay(i);
    await assertSettledOnce(house, answer, world.payers[i]);
    assert.ok(left < 0 || how === "lose", "the first send was met by trouble");
  }
  assert.equal(await chain.nonceOf(accounts[0].address), 4, "one transaction each");
});

test("a nonce that somebody else used: the payment is settled in another slot, once that is final", async (t) => {
  const house = await lane(t, { network: { stuck_after: "10m", settle_wait: "30s" } });
  const { world, chain, accounts } = house;
  const asked = house.pay();
  const first = await firstInPool(world, accounts[0]);
  await world.request("anvil_dropTransaction", [first.hash]);
  await world.request("anvil_impersonateAccount", [accounts[0].address]);
  await world.request("eth_sendTransaction", [{ from: accounts[0].address, to: accounts[0].address, value: "0x1",
      nonce: first.nonce }]);
  await world.mine();
  assert.equal(await chain.nonceOf(accounts[0].address), 1);
  let open = true;
  asked.then(() => (open = false));
  await eventually(async () => {
    await world.mine(20);
    return !open;
  }, { everyMs: 100, deadlineMs: 20_000, what: "settled in another slot" });
  await assertSettledOnce(house, await asked);
  assert.equal(await chain.nonceOf(accounts[0].address), 2);
});

test("fail-over: a dead first endpoint costs nothing, nor does one that dies on the way", async (t) => {
  const house = houseOf(t);
  const world = await house.add(startWorld({ payers: 3 }));
  const chain = new Chain(world);
  const relay = await house.add(startRelay(world.rpc));
  const rpc = ["http://127.0.0.1:9", relay.url, world.rpc];
  const facilitator = await house.add(startFacilitator(world, { network: { poll: "20ms", rpc } }));
  const terms = exactRequirements(world, { payTo: world.accounts.merchant.address });
  const settle = async (i) => askFacilitator(facilitator.url, "settle", await exactPayment(world.payers[i], terms));
  await assertSettledOnce({ chain, world }, await settle(0), world.payers[0]);
  relay.decide = ({ body }) => (rpcMethods(body).includes(SEND) ? "lose" : "drop");
  await assertSettledOnce({ chain, world }, await settle(1), world.payers[1]);
  await relay.stop();
  await assertSettledOnce({ chain, world }, await settle(2), world.payers[2]);
  assert.equal((await wireRequest(`${facilitator.url}/ready`)).status, 200);
  const page = (await wireRequest(`${facilitator.url}/metrics`)).body;
  assert.ok(metricSum(page, "x402_rpc_requests_total", { result: "failed" }) >= 1);
});

test("payments that can never be judged do not hold up those that can", async (t) => {
  const house = await lane(t, { blockTime: null, network: { any_token: true, settle_wait: "500ms" } });
  const { world, terms, settle } = house;
  const [attacker] = world.payers;
  const asset = await world.deployToken("NoLogToken");
  await world.mint(attacker.address, 1_000_000, asset);
  const silent = { ...terms, asset, extra: { name: "NoLogToken", version: "2" } };
  const payments = await Promise.all(Array.from({ length: 70 }, () => exactPayment(attacker, silent)));
  await Promise.all(payments.map(settle));
  await assertSettledOnce(house, await house.pay(1), world.payers[1]);
});

// A wallet's payments leave alone. Cancelled before they are mined, they revert, and until that is
// final nobody can say that they will never be paid: cheap for the attacker, and no reason to stop.
test("64 payments that a wallet cancels under way do not hold up an honest one", async (t) => {
  const house = await lane(t, { network: { settle_wait: "2s" } });
  const { world, chain, terms, accounts, settle } = house;
  const [owner] = world.payers;
  const wallet = await world.deploy("Wallet1271", [owner.address]);
  await world.mint(wallet, 1_000_000);
  const signer = { address: wallet, key: owner.key };
  const payments = await Promise.all(Array.from({ length: 64 }, () => exactPayment(signer, terms)));
  await Promise.all(payments.map(settle));
  await eventually(async () => Object.keys(await pooled(world, accounts[0])).length === 64, { what: "64 in the pool" });
  const calls = await Promise.all(payments.map(({ payload }) => cancelCall(world, signer,
      payload.authorization.nonce)));
  const [from] = await world.request("eth_accounts");
  const data = world.encode("Multicall3", "aggregate3", [calls]);
  const fee = "0x174876e800"; // 100 gwei: before everything else of the block
  await world.request("eth_sendTransaction", [{ from, to: world.multicall3, data, gas: "0x989680",
    maxFeePerGas: fee, maxPriorityFeePerGas: fee }]);
  await world.mine(3);
  let answer;
  const asked = house.pay(1).then((got) => (answer = got));
  await eventually(async () => {
    await world.mine();
    return answer;
  }, { everyMs: 150, what: "an answer while a few blocks pass" });
  await asked;
  assert.equal(answer.body.success, true, JSON.stringify(answer.body));
  assert.equal((await chain.transfers({ from: wallet })).length, 0);
});

async function cancelCall(world, { address, key }, nonce) {
  const signature = await privateKeyToAccount(key).signTypedData({
    domain: { name: "USDC", version: "2", chainId: world.chainId, verifyingContract: world.usdc },
    types: { CancelAuthorization: [{ name: "authorizer", type: "address" }, { name: "nonce", type: "bytes32" }] },
    primaryType: "CancelAuthorization",
    message: { authorizer: address, nonce },
  });
  const abi = parseAbi(["function cancelAuthorization(address,bytes32,bytes)"]);
  const callData = encodeFunctionData({ abi, args: [address, nonce, signature] });
  return { target: world.usdc, allowFailure: false, callData };
}
