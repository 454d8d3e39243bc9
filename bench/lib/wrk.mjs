// SPDX-License-Identifier: Apache-2.0
//
// Runs wrk with one of our scripts and reads the JSON line in which the script tells what it saw.

import { join } from "node:path";
import { ROOT, run } from "../../tests/lib/proc.mjs";

const LUA = join(ROOT, "bench/lua");

// options: script (a file of bench/lua), connections, seconds, args (for the script's init), env.
// Resolves with { requests, seconds, perSecond, p50Ms, p99Ms, socketErrors, badStatus, ... }: what
// the script adds comes along. badStatus counts answers of 400 and more.
export async function wrk(url, { script, connections, seconds, args = [], env }) {
  const flags = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s"];
  const outcome = await run(
    "wrk",
    [...flags, "-s", join(LUA, script), url, "--", ...args.map(String)],
    { env: { LUA_PATH: `${LUA}/?.lua;;`, ...env }, deadlineMs: (seconds + 30) * 1000 },
  );
  const line = outcome.stdout.split("\n").find((text) => text.startsWith("{"));
  if (outcome.code !== 0 || line === undefined)
    throw new Error(`wrk failed (exit ${outcome.code})\n${outcome.stdout}\n${outcome.stderr}`);
  return JSON.parse(line);
}

// What was wrong with the answers that verify.lua has read.
export function faultsOf({ requests, valid, invalid, sample, socketErrors }) {
  const faults = [];
  if (invalid > 0) faults.push(`${invalid} of ${requests} were not valid, such as: ${sample}`);
  if (valid < requests - invalid) faults.push(`${requests - invalid - valid} were not counted`);
  if (socketErrors > 0) faults.push(`${socketErrors} socket errors`);
  return faults;
}
