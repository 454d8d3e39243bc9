// SPDX-License-Identifier: Apache-2.0
//
// How much processor time a process has used. The scheduler's own account counts nanoseconds; the
// clock ticks of /proc/PID/stat, which every kernel has, count hundredths of a second.

import { readFileSync, readdirSync } from "node:fs";

const MS_PER_TICK = 10; // USER_HZ is 100 on every architecture that Linux supports today

function readOrUndefined(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined; // a thread that has just ended, or a kernel without schedstat
  }
}

function bySchedule(pid) {
  let ns = 0n;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const text = readOrUndefined(`/proc/${pid}/task/${thread}/schedstat`);
    if (text !== undefined) ns += BigInt(text.split(" ")[0]);
  }
  return Number(ns) / 1e6;
}

// The name in parentheses may hold spaces, so fields are counted behind it: utime and stime are
// the 14th and 15th of the line. Threads that have ended count too, unlike in a sum over the living.
export function byTicks(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

// Milliseconds of all threads since the process began.
export function cpuMs(pid) {
  const fine = bySchedule(pid);
  return fine > 0 ? fine : byTicks(pid);
}

// Runs action() and resolves with { result, ms }: what the process used meanwhile.
export async function withCpu(pid, action) {
  const before = cpuMs(pid);
  const result = await action();
  return { result, ms: cpuMs(pid) - before };
}
