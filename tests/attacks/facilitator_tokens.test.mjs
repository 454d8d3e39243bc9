// SPDX-License-Identifier: Apache-2.0
//
// Tokens and wallets that lie: those whose calls succeed without paying, that keep a part, that show
// a simulation another face than a transaction, signatures that would have us call somebody's
// contract, and accounts whose key no longer speaks for them. Real contracts on a real chain.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { concatHex, createWalletClient, encodeAbiParameters, encodeFunctionData, http, parseAbi } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { account, startWorld } from "../devnet/world.mjs";
import { assertRefused, firstInPool, keyOf, purseOf, sendAs, sends, transferData } from "../lib/attack.mjs";
import { Chain, chainOf } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { askFacilitator, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { startRelay, wireRequest } from "../lib/wire.mjs";
import { startFacilitator } from "../lib/x402bin.mjs";

const MAGIC_6492 = `0x${"6492".repeat(16)}`;
const AMOUNT = 10_000n;
const code = (name) => `invalid_exact_evm_${name}`;
const house = new House();
let world, chain, relay, at, terms, payer, merchant, stranger;

before(async () => {
  world = await house.add(startWorld({ payers: 8, more: ["--slots-in-an-epoch", "1"] }));
  chain = new Chain(world);
  relay = await house.add(startRelay(world.rpc));
  [payer] = world.payers;
  stranger = world.accounts.facilitator4;
  merchant = world.accounts.merchant.address;
  terms = exactRequirements(world, { payTo: merchant, amount: `${AMOUNT}` });
  const signers = [world.accounts.facilitator1];
  const network = { poll: "20ms", settle_wait: "2s", any_token: true, rpc: [relay.url] };
  const { url } = await house.add(startFacilitator(world, { signers, network }));
  at = { chain, url, signers };
});

after(() => house.close());

const settle = async (payment, url = at.url) => askFacilitator(url, "settle", payment);

async function tokenTerms(contract) {
  const asset = await world.deployToken(contract);
  await world.mint(payer.address, 100n * AMOUNT, asset);
  return { ...terms, asset, extra: { name: contract, version: "2" } };
}

// The last word about a payment, once whatever happened is final.
async function lastWord(payment, url = at.url) {
  return eventually(async () => {
    await world.mine(4);
    const { status, body } = await settle(payment, url);
    if (status === 503) return null;
    return body.errorReason !== "settlement_pending" && body;
  }, { what: "a last word", deadlineMs: 15_000 });
}

async function byHand(work) {
  await world.request("evm_setAutomine", [false]);
  try {
    return await work();
  } finally {
    await world.request("evm_setAutomine", [true]);
    await world.mine();
  }
}

// Our transaction succeeds and moves nothing, because somebody else's was a moment earlier. Broken by:
// believing the receipt's status, or an AuthorizationUsed that stands alone.
for (const contract of ["SilentToken", "AlreadyUsedToken", "EchoToken"]) {
  test(`attack 13: ${contract}: our transaction succeeds with a used nonce and moves nothing: never a success`,
      async () => {
    const requirements = await tokenTerms(contract);
    const payment = await exactPayment(payer, requirements);
    const [ours, theirs, first] = await byHand(async () => {
      const asked = settle(payment);
      const { hash } = await firstInPool(world, at.signers[0]);
      const stolen = await sendAs(world, stranger, { to: requirements.asset, data: transferData(world, payment),
        tip: "500" });
      await world.mine();
      return [hash, stolen, (await asked).body];
    });
    const receipt = await chain.receipt(ours);
    assert.equal(receipt.status, "success", "the token did not revert");
    assert.notEqual(first.success, true, JSON.stringify(first));
    const last = await lastWord(payment);
    assert.deepEqual([last.success, last.errorReason, last.transaction], [false, "duplicate_settlement", theirs]);
    assert.equal((await chain.transfers({ from: payer.address, token: requirements.asset })).length, 1);
    assert.equal(await chain.balanceOf(merchant, requirements.asset), AMOUNT);
  });

  test(`attack 13: ${contract}: a used nonce is refused before anything is sent`, async () => {
    const requirements = await tokenTerms(contract);
    const payment = await exactPayment(payer, requirements);
    await sendAs(world, stranger, { to: requirements.asset, data: transferData(world, payment) });
    await eventually(() => chain.isAuthorizationUsed(payer.address, payment.payload.authorization.nonce,
        requirements.asset), { what: "the stranger's transfer" });
    const before = await purseOf(chain, at.signers);
    const { body: verdict } = await askFacilitator(at.url, "verify", payment);
    assert.deepEqual([verdict.isValid, verdict.invalidReason], [false, code("nonce_already_used")]);
    const last = await lastWord(payment);
    assert.deepEqual([last.success, last.errorReason], [false, "duplicate_settlement"]);
    assert.deepEqual(await purseOf(chain, at.signers), before);
  });
}

// Broken by: comparing what was signed instead of what arrived.
for (const contract of ["FeeToken", "RebasingToken"]) {
  test(`attack 14: ${contract}: less would arrive than is asked for: refused, and nothing is sent`, async () => {
    const requirements = await tokenTerms(contract);
    const { verdict } = await assertRefused(at, await exactPayment(payer, requirements), code("transfer_event_mismatch"));
    const { expected, actual } = verdict.extra.error;
    assert.ok(expected === `${AMOUNT}` && BigInt(actual) < AMOUNT, `${expected} ${actual}`);
    assert.equal(await chain.balanceOf(merchant, requirements.asset), 0n);
  });
}

// Two transactions of one payment would be worse than none. Broken by: trusting the simulation, or
// trying again after a transaction that used the nonce.
for (const contract of ["TwoFacedToken", "EmptyHandedToken"]) {
  test(`attack 14: ${contract}: behaves while it is only asked and keeps the money in earnest: failed with a code, once`,
      async () => {
    const payment = await exactPayment(payer, await tokenTerms(contract));
    const [[, nonce]] = await purseOf(chain, at.signers);
    const first = (await settle(payment)).body;
    assert.notEqual(first.success, true, JSON.stringify(first));
    const last = await lastWord(payment);
    assert.equal(last.success, false, JSON.stringify(last));
    assert.ok([code("transfer_event_mismatch"), code("nonce_already_used")].includes(last.errorReason),
      JSON.stringify(last));
    const [[, after]] = await purseOf(chain, at.signers);
    assert.equal(after - nonce, 1, "one transaction");
    const { body } = await wireRequest(`${at.url}/settlements/${keyOf(payment)}`);
    assert.equal(body.outcome, "failed", JSON.stringify(body));
  });
}

test("attack 14: a token with a fee is no payment even where the operator lists it", async (t) => {
  const requirements = await tokenTerms("FeeToken");
  const signers = [world.accounts.facilitator2];
  const assets = { fee: { network: world.network, address: requirements.asset, decimals: 6, usd: true,
    eip712: requirements.extra } };
  const network = { poll: "20ms", settle_wait: "1s" };
  const { url } = await houseOf(t).add(startFacilitator(world, { signers, assets, network }));
  const payment = await exactPayment(payer, requirements);
  const first = (await settle(payment, url)).body;
  assert.notEqual(first.success, true, JSON.stringify(first));
  const last = await lastWord(payment, url);
  assert.deepEqual([last.success, last.errorReason], [false, code("transfer_event_mismatch")]);
});

test("attack 14: without any_token an unknown token is refused before it is asked anything", async (t) => {
  const requirements = await tokenTerms("RebasingToken");
  const signers = [world.accounts.facilitator3];
  const { url } = await houseOf(t).add(startFacilitator(world, { signers, network: { poll: "20ms" } }));
  await assertRefused({ chain, url, signers }, await exactPayment(payer, requirements), "unsupported_asset");
});

const CALLS = parseAbi(["function transfer(address,uint256)", "function approve(address,uint256)"]);
const wrapped = (factory, data, inner) => concatHex([
  encodeAbiParameters([{ type: "address" }, { type: "bytes" }, { type: "bytes" }], [factory, data, inner]), MAGIC_6492]);

// Each makes a signature out of a good one; what its factory would be told to do takes our signer's
// own dollars.
function wrappers() {
  const thief = payer.address;
  const take = encodeFunctionData({ abi: CALLS, functionName: "transfer", args: [thief, 5000n] });
  const allow = encodeFunctionData({ abi: CALLS, functionName: "approve", args: [thief, 2n ** 256n - 1n] });
  const through = world.encode("Multicall3", "aggregate3", [[{ target: world.usdc, allowFailure: true, callData: take }]]);
  return {
    "the token, told to transfer": [(inner) => wrapped(world.usdc, take, inner), take],
    "the token, told to approve": [(inner) => wrapped(world.usdc, allow, inner), allow],
    "a contract that calls the token": [(inner) => wrapped(world.multicall3, through, inner), through],
    "nobody": [(inner) => wrapped(`0x${"0".repeat(40)}`, "0x", inner), undefined],
    "a wrapper in a wrapper": [(inner) => wrapped(world.usdc, take, wrapped(world.usdc, take, inner)), take],
    "nothing that can be read": [() => concatHex([`0x${"ff".repeat(96)}`, MAGIC_6492]), undefined],
    "the magic alone": [() => MAGIC_6492, undefined],
  };
}

// Broken by: any eth_sendTransaction, or even eth_call, to a contract that the payload names.
test("attack 15: a signature in an ERC-6492 wrapper never makes us call its factory", async (t) => {
  const signer = at.signers[0].address;
  await world.mint(signer, 5000n);
  const wallet = await world.deploy("Wallet1271", [payer.address]);
  await world.mint(wallet, AMOUNT);
  const payers = { "a plain account": payer, "a wallet": { ...payer, address: wallet },
    "a wallet that is not there yet": { ...payer, address: account("counterfactual").address } };
  for (const [name, [make, call]] of Object.entries(wrappers())) {
    for (const [who, from] of Object.entries(payers)) {
      await t.test(`factory is ${name}, the payer is ${who}`, async () => {
        const asked = relay.seen.length;
        const payment = await exactPayment(from, terms);
        payment.payload.signature = make(payment.payload.signature);
        await assertRefused(at, payment, "eip6492_factory_not_allowed");
        const since = relay.seen.slice(asked);
        assert.ok(!since.some(sends), "no transaction");
        if (call) assert.ok(!since.some(({ body }) => body.includes(call.slice(2))), "nor is its call simulated");
      });
    }
  }
  assert.equal(await chain.balanceOf(signer), 5000n, "our own dollars are where they were");
});

// A type-4 transaction that puts a delegate's code at the account's address (EIP-7702).
async function delegate(victim, contractAddress) {
  const wallet = createWalletClient({ account: privateKeyToAccount(stranger.key), chain: chainOf(world.rpc),
    transport: http(world.rpc) });
  const authorization = await privateKeyToAccount(victim.key).signAuthorization({ contractAddress,
    chainId: world.chainId, nonce: await chain.nonceOf(victim.address) });
  const hash = await wallet.sendTransaction({ to: stranger.address, authorizationList: [authorization], gas: 200_000n });
  await eventually(() => chain.receipt(hash), { what: "the delegation" });
  const placed = await world.request("eth_getCode", [victim.address, "latest"]);
  assert.equal(placed.toLowerCase(), `0xef0100${contractAddress.slice(2).toLowerCase()}`);
}

// Broken by: ecrecover first and ERC-1271 as a fallback, or the other way round.
test("attack 16: an account that delegated its code (EIP-7702) pays by its delegate's rule alone", async () => {
  const victim = world.payers[1];
  const session = account("session key");
  const before = await exactPayment(victim, terms);
  assert.equal((await askFacilitator(at.url, "verify", before)).body.isValid, true, "a plain account so far");
  await delegate(victim, await world.deploy("SessionDelegate", [session.address]));
  await assertRefused(at, before, code("signature"));
  await assertRefused(at, await exactPayment(victim, terms), code("signature"));
  await assertRefused(at, await exactPayment({ address: victim.address, key: stranger.key }, terms), code("signature"));
  const good = await exactPayment({ address: victim.address, key: session.key }, terms);
  assert.equal((await askFacilitator(at.url, "verify", good)).body.isValid, true);
  const { body } = await settle(good);
  assert.equal(body.success, true, JSON.stringify(body));
  const transfers = await chain.transfers({ from: victim.address });
  assert.deepEqual(transfers.map(({ transaction, value }) => [transaction, value]), [[body.transaction, AMOUNT]]);
});

// Code without any rule for signatures: the owner's own signature is worth nothing, though it recovers.
test("attack 16: a good ECDSA signature from an address with code that knows no signatures is refused", async () => {
  const victim = world.payers[2];
  const payment = await exactPayment(victim, terms);
  for (const bytes of [concatHex(["0xef0100", world.multicall3]), world.contracts.Multicall3.deployedBytecode, "0xfe"]) {
    await world.request("anvil_setCode", [victim.address, bytes]);
    await assertRefused(at, payment, code("signature"));
  }
  await world.request("anvil_setCode", [victim.address, "0x"]);
  assert.equal((await settle(payment)).body.success, true, "the same payment, once the code is gone");
});

// Broken by: taking "true", four bytes, or an answer that never comes for the magic value.
test("attack 16: wallets whose answer is no answer are refused, and soon", async (t) => {
  for (const contract of ["TrueWallet", "ShortWallet", "GreedyWallet"]) {
    await t.test(contract, async () => {
      const wallet = await world.deploy(contract);
      await world.mint(wallet, AMOUNT);
      const started = performance.now();
      await assertRefused(at, await exactPayment({ ...payer, address: wallet }, terms), code("signature"));
      assert.ok(performance.now() - started < 8000, "its gas is bounded");
    });
  }
});

test("attack 16: a wallet that says yes when asked and no in earnest gets nothing, and costs one transaction at most",
    async () => {
  const wallet = await world.deploy("TwoFacedWallet");
  await world.mint(wallet, AMOUNT);
  const [[, nonce]] = await purseOf(chain, at.signers);
  const payment = await exactPayment({ ...payer, address: wallet }, terms);
  const first = await settle(payment);
  assert.notEqual(first.body.success, true, JSON.stringify(first.body));
  await world.mine(6);
  const { body } = await settle(payment);
  assert.notEqual(body.success, true, JSON.stringify(body));
  const [[, after]] = await purseOf(chain, at.signers);
  assert.ok(after - nonce <= 2, `${after - nonce} transactions for two requests`);
  assert.equal((await chain.transfers({ from: wallet })).length, 0);
});
