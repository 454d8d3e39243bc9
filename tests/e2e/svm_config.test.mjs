// SPDX-License-Identifier: Apache-2.0
//
// `--check` of both roles for Solana: mistakes of the file, with their place, and those that only the network
// can tell, such as a seller without an account for the token and the command that creates it.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SVM_NETWORK, SVM_USDC, startSvmWorld } from "../devnet/svm_world.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { svmAccount } from "../lib/svm_codec.mjs";
import { newFolder, startFacilitator, x402 } from "../lib/x402bin.mjs";

const SIGNER = svmAccount("facilitator1");
const MERCHANT = svmAccount("merchant");
const ENV = { S: SIGNER.key, BAD: SIGNER.key.slice(3), EVM: `0x${"22".repeat(32)}` };
const house = new House();
let world;

before(async () => {
  world = await house.add(startSvmWorld({ payers: 1 }));
});

after(() => house.close());

const gatewayFile = () => ['listen = "127.0.0.1:0"', 'admin = "127.0.0.1:0"', 'origin = "http://127.0.0.1:4021"',
  'upstream = "http://127.0.0.1:3000"', `pay_to = { solana = "${MERCHANT.address}" }`, "#top",
  `[networks."${SVM_NETWORK}"]`, `rpc = ["${world.rpc}"]`, 'signers = ["env:S"]', "[[routes]]", 'match = "GET /a"',
  'price = "$0.001"', "#route"];
const facilitatorFile = () => ['listen = "127.0.0.1:0"', `[networks."${SVM_NETWORK}"]`, `rpc = ["${world.rpc}"]`,
  'signers = ["env:S"]', "#network"];

const swap = (from, to) => (lines) => lines.flatMap((line) =>
  (line.startsWith(from) ? (to === "" ? [] : [to].flat()) : [line]));

async function check(role, lines) {
  const dir = newFolder("check");
  const file = join(dir, `${role}.toml`);
  writeFileSync(file, `${lines.join("\n")}\n`);
  return { file, dir, ...(await x402([role, "--config", file, "--check"], { env: ENV, cwd: dir })) };
}

test("good files are good", async () => {
  for (const [role, lines] of [["gateway", gatewayFile()], ["facilitator", facilitatorFile()]]) {
    const got = await check(role, lines);
    assert.deepEqual([got.code, got.stdout, got.stderr], [0, `${got.file}: good\n`, ""]);
  }
});

// the change, and what must be told: the field, and words of the sentence or of the remedy
const FACILITATOR_ROWS = [
  ["a commitment that can be undone", swap("#network", 'commitment = "processed"'), "commitment",
    /confirmed.*finalized/s],
  ["a word for lamports", swap("#network", 'max_fee = "much"'), "max_fee", /lamports/],
  ["a fee that pays no payment", swap("#network", "max_fee = 10000"), "max_fee", /two signatures/],
  ["a day that pays no payment", swap("#network", "daily_fee_budget = 50000"), "daily_fee_budget", /max_fee/],
  ["one payer may spend more than all", swap("#network", ["daily_fee_budget = 200000", "payer_fee_budget = 300000"]),
    "payer_fee_budget", /daily_fee_budget/],
  ["too many units", swap("#network", "max_compute_units = 2000000"), "max_compute_units", /compute units/],
  ["a key of the other chain", swap("signers", 'signers = ["env:EVM"]'), "signers", /key/i],
  ["a key that is none", swap("signers", 'signers = ["env:BAD"]'), "signers", /key/i],
  ["a signer twice", swap("signers", 'signers = ["env:S", "env:S"]'), "signers",
    new RegExp(`${SIGNER.address}.*twice`)],
  ["an EVM chain's key", swap("#network", "confirmations = 2"), "confirmations", /unknown key/],
  ["a misspelt key", swap("#network", 'commitmant = "finalized"'), "commitmant", /`commitment`/],
  ["a network that is none", swap("[networks", '[networks."solana:0OIl"]'), "networks", /solana:0OIl/],
];

test("facilitator: mistakes of the file are told with their field and a remedy", { concurrency: 4 }, async (t) => {
  await Promise.all(FACILITATOR_ROWS.map(([name, change, field, words]) => t.test(name, async () => {
    const got = await check("facilitator", change(facilitatorFile()));
    assert.deepEqual([got.code, got.stdout], [2, ""], got.stderr);
    assert.match(got.stderr, new RegExp(`^x402: ${got.file}:\\d+: .*${field}.*\\n {2}next: .+\\n$`));
    assert.match(got.stderr, words);
    assert.ok(!got.stderr.includes(ENV.BAD.slice(0, 30)), "a key is never repeated");
  })));
});

test("gateway: a seller without a token account is told the command that creates it", async () => {
  const stranger = svmAccount("a seller without an account").address;
  const got = await check("gateway", swap("pay_to", `pay_to = { solana = "${stranger}" }`)(gatewayFile()));
  assert.notEqual(got.code, 0, got.stdout);
  assert.match(got.stderr, new RegExp(`spl-token create-account ${SVM_USDC} --owner ${stranger}`));
});

test("gateway: waits are shorter by default, and refused where a payment on Solana does not live as long", async () => {
  const rows = [["#route", 'upstream_timeout = "5m"'], ["#top", 'pending_wait = "60s"']];
  for (const [place, line] of rows) {
    const got = await check("gateway", swap(place, line)(gatewayFile()));
    assert.equal(got.code, 2, `${line}: ${got.stdout}${got.stderr}`);
    assert.match(got.stderr, /lives for 60 s/, "it says for how long a payment is good");
    assert.match(got.stderr, new RegExp(`next: .*${line.split(" ")[0]}`));
  }
  const fits = await check("gateway", swap("#route", 'upstream_timeout = "20s"')(gatewayFile()));
  assert.equal(fits.code, 0, fits.stderr);
});

test("gateway: a recipient that is no Solana address", async () => {
  for (const bad of ["0x585003787377AC7f34761a83C25aE39e31C7B112", MERCHANT.address.slice(4), `${MERCHANT.address}1`]) {
    const got = await check("gateway", swap("pay_to", `pay_to = { solana = "${bad}" }`)(gatewayFile()));
    assert.equal(got.code, 2, `${bad}: ${got.stdout}`);
    assert.match(got.stderr, /pay_to/);
  }
});

// What is said of a token must be what stands on the chain. A start proves it; --check of a facilitator asks no
// network.
test("facilitator: a mint that is none, of other decimals, of another program, or that keeps a part does not start",
    async () => {
  const asset = (address, more = []) => ["[assets.x]", `network = "${SVM_NETWORK}"`, `address = "${address}"`,
    "decimals = 6", ...more];
  const taking = await world.createMint({ name: "taking", extensions: { transferFee: { bps: 100 } } });
  const nine = await world.createMint({ name: "nine", decimals: 9 });
  const plain = await world.createMint({ name: "plain" });
  const rows = [["no account at all", svmAccount("nobody").address], ["a wallet", MERCHANT.address],
    ["other decimals", nine], ["another program", plain, ['token_program = "token-2022"']], ["a transfer fee", taking]];
  for (const [name, address, more] of rows) {
    const { file, dir } = await check("facilitator", [...facilitatorFile(), ...asset(address, more)]);
    const got = await x402(["facilitator", "--config", file], { env: ENV, cwd: dir, deadlineMs: 20_000 });
    assert.notEqual(got.code, 0, `${name}: ${got.stdout}`);
    assert.ok(!got.stdout.includes('"ready":true'), name);
    assert.match(got.stderr, new RegExp(`assets|${address}`), name);
    assert.match(got.stderr, /next: /, name);
  }
});

test("facilitator: a mint that is as it is said to be starts", async (t) => {
  const mint = await world.createMint({ name: "good" });
  const assets = { x: { network: SVM_NETWORK, address: mint, decimals: 6, token_program: "spl-token" } };
  const { url } = await houseOf(t).add(startFacilitator(world, { assets }));
  assert.match(url, /^http/);
});
