// SPDX-License-Identifier: Apache-2.0
//
// `x402 pay` on Solana as a user meets it: keys in both usual forms, the choice between two chains, limits,
// and what it says to somebody who has no account for the token yet.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startSvmWorld } from "../devnet/svm_world.mjs";
import { startWorld } from "../devnet/world.mjs";
import { startSampleApi } from "../interop/roles.mjs";
import { assertMoves } from "../lib/check.mjs";
import { House } from "../lib/house.mjs";
import { SvmChain } from "../lib/svm.mjs";
import { bytesOf, svmAccount } from "../lib/svm_codec.mjs";
import { newFolder, paidRoute, rpcFlags, startGateway, x402, x402Pay } from "../lib/x402bin.mjs";

const house = new House();
let world, evm, chain, gateway, payer;

before(async () => {
  world = await house.add(startSvmWorld());
  evm = await house.add(startWorld());
  chain = new SvmChain(world);
  payer = world.accounts.payer1;
  const api = await house.add(startSampleApi());
  const routes = [paidRoute([evm, world]), paidRoute(world, { match: "GET /slow", price: "$2" })];
  gateway = await house.add(startGateway([evm, world], { upstream: api.info.url, routes, network: { poll: "20ms" } }));
});

after(() => house.close());

const at = (path) => `${gateway.url}${path}`;
const both = () => [payer, evm.accounts.payer1];
const pay = (args = [], more = {}) => x402Pay([evm, world], at("/weather"), { payer, args, ...more });
const moves = (want, action) => assertMoves(chain, world.accounts, want, action);
const paid = { payer1: -1000n, merchant: 1000n };

test("a key in base58 and a key file of the Solana tools are the same key", async () => {
  const json = JSON.stringify([...bytesOf(payer.key)]);
  const file = join(newFolder("key"), "id.json");
  writeFileSync(file, `${json}\n`, { mode: 0o600 });
  const seedOnly = { X402_SVM_KEY: payer.key };
  const rows = [["base58 in X402_SVM_KEY", [], seedOnly], ["JSON in X402_SVM_KEY", [], { X402_SVM_KEY: json }],
    ["a file", ["--key", `file:${file}`], {}], ["another variable", ["--key", "env:OTHER"], { OTHER: payer.key }]];
  for (const [name, args, env] of rows) {
    const got = await moves(paid, () => x402Pay(world, at("/weather"), { args, env }));
    assert.equal(got.code, 0, `${name}: ${got.stdout}${got.stderr}`);
    assert.equal(got.results[0].payment.payer, payer.address, name);
    assert.ok(!`${got.stdout}${got.stderr}`.includes(payer.key.slice(0, 40)), "no key in any output");
  }
});

test("a key that is none is told without repeating it", async () => {
  const half = payer.key.slice(0, 40);
  for (const bad of [half, "[1,2,3]", `${payer.key}1`]) {
    const got = await moves({}, () => x402Pay(world, at("/weather"), { args: [], env: { X402_SVM_KEY: bad } }));
    assert.equal(got.code, 2, `${bad.length}: ${got.stdout}${got.stderr}`);
    assert.ok(!`${got.stdout}${got.stderr}`.includes(half));
  }
});

test("the words for people name amount, token, network, recipient and transaction", async () => {
  const args = ["pay", at("/weather"), "--home", newFolder("home"), ...rpcFlags([evm, world])];
  const got = await moves(paid, () => x402(args, { env: { X402_SVM_KEY: payer.key } }));
  assert.equal(got.code, 0, got.stderr);
  assert.match(got.stderr, /paid 0\.001 USDC on solana:\w+ to \w{32,44} \(transaction \w{64,88}\)/);
});

test("--prefer, --avoid and --asset choose between the chains", async () => {
  const chosen = async (...args) => {
    const { code, results, stdout } = await pay(args, { payer: both() });
    return code === 0 ? results[0].accepted.network.split(":")[0] : `${code} ${results[0]?.error?.code ?? stdout}`;
  };
  assert.equal(await chosen("--prefer", "solana"), "solana");
  assert.equal(await chosen("--prefer", "solana-devnet"), "solana");
  assert.equal(await chosen("--prefer", "base-sepolia"), "eip155");
  assert.equal(await chosen("--avoid", "solana"), "eip155");
  assert.equal(await chosen("--avoid", "base-sepolia"), "solana");
  assert.equal(await chosen("--avoid", "eip155", "--asset", "USDC"), "solana");
  assert.equal(await chosen("--asset", "EURC"), "4 asset_not_chosen");
  assert.equal(await chosen("--avoid", "testnet"), "4 avoided");
});

test("with one key only, the chain of that key is paid on", async () => {
  assert.equal((await moves(paid, () => pay(["--prefer", "base-sepolia"]))).results[0].accepted.network, world.network);
  const other = await moves({}, () => pay(["--prefer", "solana"], { payer: evm.accounts.payer1 }));
  assert.equal(other.results[0].accepted.network, evm.network);
});

test("--dry-run shows what would be paid and signs nothing", async () => {
  const got = await moves({}, () => x402(["pay", at("/weather"), "--dry-run", "--prefer", "solana", "--home",
    newFolder("home"), ...rpcFlags([evm, world])], { env: { X402_SVM_KEY: payer.key } }));
  assert.deepEqual([got.code, got.stdout], [0, ""], got.stderr);
  assert.match(got.stderr, /would pay 0\.001 USDC on solana:.*nothing was signed/s);
});

test("--max and --budget hold", async () => {
  const dear = await moves({}, () => x402Pay(world, at("/slow"), { payer }));
  assert.deepEqual([dear.code, dear.results[0].error.code], [4, "over_limit"]);
  const some = await moves({ payer1: -2000n, merchant: 2000n }, () => pay(["-n", "3", "--budget", "$0.002"]));
  const outcomes = some.results.map(({ outcome }) => outcome).sort();
  assert.deepEqual([some.code, outcomes], [4, ["refused", "settled", "settled"]]);
});

test("two payments at once by one payer are two payments", async () => {
  const got = await moves({ payer1: -4000n, merchant: 4000n }, () => pay(["-n", "4", "-c", "4"]));
  assert.equal(got.code, 0, got.stderr);
  assert.equal(new Set(got.results.map(({ payment }) => payment.transaction)).size, 4);
});

// Nothing is signed that could not be paid.
test("a payer without an account for the token, or with an empty one, is told so", async () => {
  const stranger = svmAccount("without a token account");
  const poor = svmAccount("with an empty account");
  await world.mint(poor.address, 999n);
  for (const [who, words] of [[stranger, /token account/i], [poor, /0\.000999|999|balance|fund/i]]) {
    const got = await moves({}, () => x402Pay(world, at("/weather"), { payer: who }));
    assert.notEqual(got.code, 0, got.stdout);
    const [{ outcome, error, payment }] = got.results;
    assert.ok(["none", "refused", "failed"].includes(outcome), outcome);
    assert.equal(payment?.transaction ?? "", "", "nothing was sent");
    assert.match(`${error.message} ${error.next}`, words);
  }
});
