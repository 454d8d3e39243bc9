// SPDX-License-Identifier: Apache-2.0
//
// A chain is a folder: the template, copied under a new name into a copy of the tree, is found by the build, changes
// no other file, keeps the house's rules, and can be paid with through every role by the binary that comes out.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startSampleApi } from "../interop/roles.mjs";
import { run } from "../lib/proc.mjs";
import { buildCopy, copyTree, differences } from "./copy.mjs";
import { Ledger } from "./ledger.mjs";

const NAME = "pebble";
const COINS = 1_000_000n;

let copy, ledger, world, lib;

before(async () => {
  copy = await copyTree(NAME);
});

after(() => ledger?.stop());

test("nothing outside the new folder changes", () => {
  assert.deepEqual(differences(copy, NAME), []);
});

test("the copy keeps the rules between rooms", async () => {
  const { code, stdout } = await run("python3", ["tools/rooms.py"], { cwd: copy.tree });
  assert.equal(code, 0, stdout);
});

test("the copy's own build finds the chain and links it in", async (t) => {
  const { binary, whole } = await buildCopy(copy, NAME);
  t.diagnostic(whole ? "built whole" : "built the new chain's objects only");
  assert.deepEqual(differences(copy, NAME), []);
  // Read when the library is loaded.
  process.env.X402_BIN = binary;
  lib = await import("../lib/x402bin.mjs");
  ledger = new Ledger(NAME);
  const rpc = await ledger.start();
  world = { network: ledger.network, rpc, accounts: { facilitator1: ledger.account("facilitator") } };
});

async function startRoles(t, merchant) {
  const api = await startSampleApi();
  t.after(() => api.stop());
  const network = { confirmations: undefined };
  const facilitator = await lib.startFacilitator(world, { network });
  t.after(() => facilitator.stop());
  const gateway = await lib.startGateway(world, {
    upstream: api.info.url,
    facilitators: [facilitator.url],
    payTo: "",
    config: { pay_to: { [NAME]: merchant.address } },
  });
  t.after(() => gateway.stop());
  return { facilitator, gateway };
}

async function pay(url, payer) {
  const args = ["pay", url, "--json", "--home", lib.newFolder("home"), "--rpc", `${world.network}=${world.rpc}`];
  const outcome = await lib.x402(args, { env: { [`X402_${NAME.toUpperCase()}_KEY`]: payer.key } });
  const lines = outcome.stdout.split("\n").filter((line) => line.startsWith("{"));
  return { ...outcome, results: lines.map((line) => JSON.parse(line)) };
}

test("facilitator, gateway and client pay with it", { timeout: 120_000 }, async (t) => {
  assert.ok(lib, "there is no binary");
  const merchant = ledger.account("merchant");
  const payer = ledger.account("payer", COINS);
  const { facilitator, gateway } = await startRoles(t, merchant);
  const supported = await (await fetch(`${facilitator.url}/supported`)).json();
  assert.ok(supported.kinds.some(({ network, scheme }) => network === world.network && scheme === "exact"));

  const paid = await pay(`${gateway.url}/weather`, payer);
  assert.equal(paid.code, 0, `${paid.stdout}\n${paid.stderr}`);
  const [result] = paid.results;
  assert.equal(result.status, 200);
  assert.equal(result.outcome, "settled");
  assert.equal(ledger.transfers.length, 1);
  assert.equal(result.payment.transaction, ledger.transfers[0].id);
  assert.equal(ledger.transfers[0].sender, world.accounts.facilitator1.address);
  assert.equal(ledger.balances.get(payer.address), COINS - 1000n);
  assert.equal(ledger.balances.get(merchant.address), 1000n);
});

test("its keys are kept, listed, funded and paid with like any other", { timeout: 120_000 }, async (t) => {
  assert.ok(lib, "there is no binary");
  const home = lib.newFolder("home");
  const payer = ledger.account("a kept payer", COINS);
  const env = { X402_KEYSTORE_PASSWORD: "correct horse", KEY: payer.key };
  const wallet = async (...args) => {
    const got = await lib.x402(["wallet", ...args, "--home", home, "--json"], { env });
    assert.equal(got.code, 0, got.stderr);
    return got.stdout.trim().split("\n").map((line) => JSON.parse(line));
  };
  const address = new RegExp(`^${NAME}1[0-9a-f]{40}$`);
  assert.match((await wallet("new", "fresh", "--network", NAME))[0].address, address);
  assert.match((await wallet("new", "by-network", "--network", world.network))[0].address, address);
  assert.match((await wallet("new", "usual"))[0].address, /^0x/, "the first family, where none is named");
  assert.equal((await wallet("import", "kept", "--key", "env:KEY"))[0].address, payer.address, "by the key's form");
  const listed = await wallet("list");
  assert.ok(listed.some(({ key, address }) => key === "keystore:kept" && address === payer.address));
  const rpc = `${world.network}=${world.rpc}`;
  const [held] = await wallet("balance", "--key", "keystore:kept", "--rpc", rpc);
  assert.deepEqual([held.address, held.amount], [payer.address, `${COINS}`]);

  const { gateway } = await startRoles(t, ledger.account("a third merchant"));
  const paid = await lib.x402(["pay", `${gateway.url}/weather`, "--json", "--home", home, "--rpc", rpc,
    "--key", "keystore:kept"], { env });
  assert.equal(paid.code, 0, `${paid.stdout}${paid.stderr}`);
  assert.equal(ledger.balances.get(payer.address), COINS - 1000n);

  const wrong = await lib.x402(["wallet", "import", "x", "--key", "env:KEY", "--home", home],
    { env: { ...env, KEY: "no key" } });
  assert.match(wrong.stderr, new RegExp(`for an EVM key\\b.*\\b${NAME}- and 64 hexadecimal digits`));
});

test("whoever has no money there pays nothing", { timeout: 120_000 }, async (t) => {
  assert.ok(lib, "there is no binary");
  const merchant = ledger.account("another merchant");
  const poor = ledger.account("poor");
  const { gateway } = await startRoles(t, merchant);
  const before = ledger.transfers.length;
  const refused = await pay(`${gateway.url}/weather`, poor);
  assert.equal(refused.code, 1, `${refused.stdout}\n${refused.stderr}`);
  assert.equal(refused.results[0].outcome, "failed");
  assert.equal(refused.results[0].error.code, `invalid_exact_${NAME}_balance`);
  assert.equal(ledger.transfers.length, before);
});
