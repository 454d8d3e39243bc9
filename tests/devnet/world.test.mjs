// SPDX-License-Identifier: Apache-2.0
//
// The local world starts as promised and leaves nothing behind, also when it is killed or when
// whoever started it dies.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createInterface } from "node:readline";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { NODE, ROOT, startScript } from "../lib/proc.mjs";
import { USDC, account, startWorld } from "./world.mjs";

const START = "tests/devnet/start.mjs";

function isRunning(pid) {
  if (!existsSync(`/proc/${pid}`)) return false;
  return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
}

function childrenOf(pid) {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text ? text.split(" ").map(Number) : [];
}

test("start.mjs gives a funded world and takes it away on SIGTERM", async () => {
  const role = await startScript("world", START, { args: ["--payers", "2", "--dollars", "7"] });
  const { info } = role;
  const chain = new Chain(info);
  assert.equal(info.usdc, USDC);
  assert.equal(await chain.client.getChainId(), info.chainId);
  assert.equal(await chain.balanceOf(info.accounts.payer2.address), 7_000_000n);
  assert.ok((await chain.etherOf(info.accounts.facilitator4.address)) > 0n);
  assert.equal(info.accounts.payer1.key, account("payer1").key);
  const [anvil] = childrenOf(role.pid);
  assert.ok(isRunning(anvil));
  assert.deepEqual(await role.stop(), { code: 0, signal: null });
  assert.equal(isRunning(anvil), false);
});

test("a killed start.mjs takes anvil with it", async () => {
  const role = await startScript("world", START);
  const [anvil] = childrenOf(role.pid);
  await role.kill();
  await eventually(() => !isRunning(anvil), { what: "the end of anvil" });
});

test("start.mjs ends when its parent dies", async () => {
  // The shell waits for the world, so the world's parent is that shell until it is killed.
  const shell = spawn("sh", ["-c", `"${NODE}" "${join(ROOT, START)}" & echo $!; wait`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: shell.stdout })[Symbol.asyncIterator]();
  const world = Number((await lines.next()).value);
  assert.equal(JSON.parse((await lines.next()).value).ready, true);
  const [anvil] = childrenOf(world);
  shell.kill("SIGKILL");
  await eventually(() => !isRunning(world) && !isRunning(anvil), { what: "the end of the world" });
});

test("a world with a block time is set up without waiting for blocks", async () => {
  const world = await startWorld({
    blockTime: 60,
    gasLimit: 200_000_000,
    txGasLimit: true,
    payers: 250,
  });
  try {
    const chain = new Chain(world);
    assert.equal(await chain.balanceOf(world.accounts.payer250.address), 1_000_000_000n);
  } finally {
    await world.stop();
  }
});

test("the sample API answers, streams, fails and counts", async () => {
  const api = await startScript("sample_api", "tests/devnet/sample_api.mjs");
  const { url } = api.info;
  try {
    const weather = await (await fetch(`${url}/weather`)).json();
    assert.equal(weather.report.weather, "sunny");
    const big = await (await fetch(`${url}/big?bytes=3000001`)).arrayBuffer();
    assert.equal(big.byteLength, 3_000_001);
    const echo = await (
      await fetch(`${url}/echo?a=1`, { method: "POST", body: "hello", headers: { "x-tag": "t" } })
    ).json();
    assert.deepEqual([echo.body, echo.url, echo.headers["x-tag"]], ["hello", "/echo?a=1", "t"]);
    assert.equal((await fetch(`${url}/fail`)).status, 500);
    assert.deepEqual(await (await fetch(`${url}/slow?ms=5`)).json(), { slept_ms: 5 });
    assert.equal((await fetch(`${url}/nowhere`)).status, 404);
    const counts = await (await fetch(`${url}/count`)).json();
    assert.deepEqual(counts, {
      "GET /weather": 1,
      "GET /big": 1,
      "POST /echo": 1,
      "GET /fail": 1,
      "GET /slow": 1,
      "GET /nowhere": 1,
    });
  } finally {
    await api.stop();
  }
});
