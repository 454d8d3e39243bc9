// SPDX-License-Identifier: Apache-2.0
//
// Starts one surfnet, the local Solana node of the npm package, on ports the kernel chooses, and speaks
// JSON-RPC with it. Nothing here knows what is on it; svm_world.mjs does.

import { startScript } from "../lib/proc.mjs";

// slotMs: a blockhash lives 150 slots and what is finalized is 31 slots behind. Returns
// { rpc, ws, pid, log, exited, stop(), kill() }.
export async function startSurfpool({ slotMs = 100 } = {}) {
  const options = { args: [`${slotMs}`], deadlineMs: 30_000 };
  const role = await startScript("surfnet", "tests/devnet/surfnet_main.mjs", options);
  const { pid, log, exited, info, kill } = role;
  return { rpc: info.rpc, ws: info.ws, pid, log, exited, kill, stop: () => role.stop({ graceMs: 1000 }) };
}

// The node answers no batches. An error is thrown with its code and data.
export async function svmRequest(rpc, method, params = []) {
  const response = await fetch(rpc, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const { error, result } = await response.json();
  if (error) {
    const more = typeof error.data === "string" ? ` (${error.data})` : "";
    throw Object.assign(new Error(`${method}: ${error.message}${more}`), { code: error.code, data: error.data });
  }
  return result;
}
