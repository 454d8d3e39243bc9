// SPDX-License-Identifier: Apache-2.0
//
// How much memory a process holds.

import { readFileSync } from "node:fs";

// What lies in memory now, in bytes (VmRSS).
export function residentBytes(pid) {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  if (!found) throw new Error(`process ${pid} has no VmRSS`);
  return Number(found[1]) * 1024;
}
