// SPDX-License-Identifier: Apache-2.0
//
// Starts one anvil, the real binary of the npm package, on a port the kernel chooses, and speaks
// JSON-RPC with it. Nothing here knows what is deployed; world.mjs does.

import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT, newLogFile, spawnBound, stopChild, tailOf } from "../lib/proc.mjs";

const ANVIL = join(ROOT, "tests/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");

const EPOCH = "--slots-in-an-epoch";

function flags({ chainId, port = 0, blockTime, gasLimit, txGasLimit, more = [] }) {
  const list = [
    "--host",
    "127.0.0.1",
    "--port",
    `${port}`,
    "--chain-id",
    `${chainId}`,
    "--accounts",
    "1",
  ];
  // What is finalized is then two blocks behind the latest and not sixty-four.
  if (!more.includes(EPOCH)) list.push(EPOCH, "1");
  if (blockTime) list.push("--block-time", `${blockTime}`);
  if (gasLimit) list.push("--gas-limit", `${gasLimit}`);
  if (txGasLimit) list.push("--enable-tx-gas-limit");
  return [...list, ...more];
}

// Anvil writes to a file and not to a pipe: under load it prints a line for every call, and a pipe
// would make the test that reads it part of the measurement.
async function readPort(child, log, deadlineMs) {
  const deadline = performance.now() + deadlineMs;
  while (performance.now() < deadline && !child.outcome) {
    const match = /Listening on 127\.0\.0\.1:(\d+)/.exec(readFileSync(log, "utf8"));
    if (match) return Number(match[1]);
    await sleep(5);
  }
  throw new Error(`anvil did not start\n${tailOf(log)}`);
}

// options: chainId, port, blockTime (seconds; absent: a block per transaction), gasLimit,
// txGasLimit (true: the 16,777,216 cap of live chains), more (further flags).
// Returns { rpc, pid, log, exited, stop() }.
export async function startAnvil(options) {
  const log = newLogFile("anvil");
  const out = openSync(log, "w");
  const child = spawnBound(ANVIL, flags(options), { stdio: ["ignore", out, out] });
  closeSync(out);
  try {
    const port = await readPort(child, log, 10_000);
    const stop = () => stopChild(child, { graceMs: 1000 });
    return { rpc: `http://127.0.0.1:${port}`, pid: child.pid, log, exited: child.exited, stop };
  } catch (error) {
    await stopChild(child, { signal: "SIGKILL" });
    throw error;
  }
}

async function post(rpc, body) {
  const response = await fetch(rpc, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return response.json();
}

function resultOf({ error, result }, method) {
  if (error) throw new Error(`${method}: ${error.message}`);
  return result;
}

export async function request(rpc, method, params = []) {
  return resultOf(await post(rpc, { jsonrpc: "2.0", id: 1, method, params }), method);
}

// calls: [[method, params], ...] in one JSON-RPC batch; the results in the same order.
export async function batch(rpc, calls) {
  const answers = await post(
    rpc,
    calls.map(([method, params], id) => ({ jsonrpc: "2.0", id, method, params })),
  );
  const byId = new Map(answers.map((answer) => [answer.id, answer]));
  return calls.map(([method], id) => resultOf(byId.get(id), method));
}
