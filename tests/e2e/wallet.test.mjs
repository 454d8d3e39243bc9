// SPDX-License-Identifier: Apache-2.0
//
// `x402 wallet` as a new user meets it: a key in an encrypted file, what it holds, paying with it,
// and what was paid; and that no key is ever shown, weakly kept or overwritten.

import assert from "node:assert/strict";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { House } from "../lib/house.mjs";
import { startUpstream } from "../lib/wire.mjs";
import { newFolder, startGateway, x402 } from "../lib/x402bin.mjs";

const PASSWORD = { X402_KEYSTORE_PASSWORD: "correct horse" };
const house = new House();
let world, gateway, payer;

before(async () => {
  world = await house.add(startWorld());
  payer = world.payers[0];
  const upstream = await house.add(startUpstream((_request, response) => response.end("sunny")));
  gateway = await house.add(startGateway(world, { upstream: upstream.url, network: { poll: "20ms" } }));
});

after(() => house.close());

const wallet = (home, args, env = PASSWORD) => x402(["wallet", ...args, "--home", home], { env });
const lines = ({ stdout }) => stdout.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));

test("new: an address to fund, and an encrypted file that only its owner can read", async () => {
  const home = join(newFolder("home"), "fresh");
  const made = await wallet(home, ["new", "--json"]);
  assert.equal(made.code, 0, made.stderr);
  const [{ name, address }] = lines(made);
  assert.equal(name, "default");
  assert.match(address, /^0x[0-9a-fA-F]{40}$/);
  const file = join(home, "keystore/default.json");
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(join(home, "keystore")).mode & 0o777, 0o700);
  assert.equal(statSync(home).mode & 0o777, 0o700);
  const { crypto } = JSON.parse(readFileSync(file, "utf8"));
  assert.ok(crypto.kdf === "scrypt" && crypto.ciphertext, "the format that other wallets read");
  const text = await wallet(home, ["new", "second"]);
  assert.match(text.stdout, /^0x[0-9a-fA-F]{40}\nfund this address/);
});

test("new and import never overwrite, and refuse names that leave the folder", async () => {
  const home = newFolder("home");
  assert.equal((await wallet(home, ["new"])).code, 0);
  const before = readFileSync(join(home, "keystore/default.json"), "utf8");
  const again = await wallet(home, ["new"]);
  assert.notEqual(again.code, 0);
  assert.equal(readFileSync(join(home, "keystore/default.json"), "utf8"), before);
  for (const name of ["../out", "a/b", ".hidden", "", "x".repeat(65)]) {
    const { code } = await wallet(home, ["new", name]);
    assert.ok([1, 2].includes(code), name);
  }
  assert.deepEqual(readdirSync(join(home, "keystore")), ["default.json"]);
});

test("import, list, and pay with it; a wrong password pays nothing", async () => {
  const home = newFolder("home");
  const env = { ...PASSWORD, KEY: payer.key };
  const imported = await wallet(home, ["import", "shop", "--key", "env:KEY", "--json"], env);
  assert.equal(imported.code, 0, imported.stderr);
  assert.equal(lines(imported)[0].address, payer.address);
  const listed = await wallet(home, ["list", "--json"]);
  assert.ok(lines(listed).some(({ key, address }) => key === "keystore:shop" && address === payer.address),
      listed.stdout);

  const pay = (more) => x402(["pay", `${gateway.url}/weather`, "--home", home, "--key", "keystore:shop", "--json"],
    { env: { X402_EVM_KEY: "", ...more } });
  const paid = await pay(PASSWORD);
  assert.equal(paid.code, 0, `${paid.stdout}${paid.stderr}`);
  assert.equal(lines(paid)[0].payment.payer, payer.address);
  const wrong = await pay({ X402_KEYSTORE_PASSWORD: "battery staple" });
  assert.equal(wrong.code, 2, wrong.stderr);
  assert.equal(wrong.stdout, "");
  const none = await pay({ X402_KEYSTORE_PASSWORD: undefined });
  assert.notEqual(none.code, 0);
  assert.match(none.stderr, /X402_KEYSTORE_PASSWORD/);
  const missing = await x402(["pay", gateway.url, "--home", home, "--key", "keystore:nothing"], { env: PASSWORD });
  assert.equal(missing.code, 2, missing.stderr);

  for (const { stdout, stderr } of [imported, listed, paid, wrong, none])
    for (const secret of [payer.key.slice(2), PASSWORD.X402_KEYSTORE_PASSWORD])
      assert.ok(!`${stdout}${stderr}`.includes(secret), "no secret in any output");
});

test("import refuses what is no key, and keys typed on the command line", async () => {
  const home = newFolder("home");
  for (const bad of ["0x1234", "hello", `0x${"0".repeat(64)}`, `0x${"f".repeat(64)}`]) {
    const { code, stderr } = await wallet(home, ["import", "bad", "--key", "env:KEY"], { ...PASSWORD, KEY: bad });
    assert.ok([1, 2].includes(code), bad);
    assert.ok(!stderr.includes(bad));
  }
  const typed = await wallet(home, ["import", "typed", "--key", payer.key]);
  assert.ok([1, 2].includes(typed.code));
  assert.ok(!typed.stderr.includes(payer.key.slice(2)));
});

test("balance shows what a key holds on the chain that is named", async () => {
  const rpc = ["--rpc", `${world.network}=${world.rpc}`];
  const env = { X402_EVM_KEY: payer.key };
  const got = await wallet(newFolder("home"), ["balance", "--json", ...rpc], env);
  assert.equal(got.code, 0, got.stderr);
  const text = JSON.stringify(lines(got));
  assert.match(text, /USDC/);
  assert.match(text, /99\d\.\d+|1000/);
  const dead = await wallet(newFolder("home"), ["balance", "--json", "--rpc",
      `${world.network}=http://127.0.0.1:9`], env);
  assert.equal(dead.code, 1, "a chain that does not answer is not an empty purse");
  assert.ok(!/"(balance|amount)":"0/.test(dead.stdout), dead.stdout);
  const none = await wallet(newFolder("home"), ["balance", ...rpc], { X402_EVM_KEY: "" });
  assert.ok([1, 2].includes(none.code));
  assert.match(none.stderr, /X402_EVM_KEY/);
});

test("history tells what was paid, the newest first", async () => {
  const home = newFolder("home");
  const env = { X402_EVM_KEY: payer.key };
  assert.equal((await wallet(home, ["history", "--json"])).stdout, "");
  for (const path of ["/weather?city=rome", "/weather"])
    assert.equal((await x402(["pay", gateway.url + path, "--home", home], { env })).code, 0);
  const entries = lines(await wallet(home, ["history", "--json"]));
  assert.equal(entries.length, 2);
  const [latest] = entries;
  assert.deepEqual([latest.outcome, latest.delivered, latest.amount, latest.method], ["settled", true,
      "0.001 USDC", "GET"]);
  assert.equal(latest.url, `${gateway.url}/weather`);
  assert.ok(!entries[1].url.includes("rome"), "a query may hold a secret and is not kept");
  assert.match(latest.transaction, /^0x[0-9a-f]{64}$/);
  assert.ok(entries[0].at >= entries[1].at);
  assert.equal(lines(await wallet(home, ["history", "--json", "--limit", "1"])).length, 1);
});
