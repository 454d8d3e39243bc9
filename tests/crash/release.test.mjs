// SPDX-License-Identifier: Apache-2.0
//
// The hook that tests die by is not in the binary that people run: no symbol of it, none of its
// variables, and naming a point does nothing.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../lib/proc.mjs";
import { X402, newFolder, x402 } from "../lib/x402bin.mjs";

async function symbols() {
  const { code, stdout, stderr } = await run("nm", ["--demangle", X402]);
  assert.equal(code, 0, stderr);
  return stdout;
}

test("it has no symbol of the hook", async () => {
  const found = await symbols();
  assert.match(found, /x402::store::/, "symbols can be seen at all");
  assert.doesNotMatch(found, /crash_?point|CrashPlan|CrashSide/i);
});

test("it has none of the hook's words", () => {
  const bytes = readFileSync(X402);
  assert.ok(bytes.includes("X402_HOME"), "names of variables can be seen at all");
  for (const word of ["X402_CRASH", "crash_point", "out.broadcast", "store.migrate"])
    assert.ok(!bytes.includes(word), word);
});

test("it passes every point alive and notes none", async () => {
  const home = newFolder("home");
  const log = join(home, "points.log");
  const env = { X402_CRASH_LOG: log, X402_CRASH_AT: "store.migrate#1:before" };
  const { code, signal, stderr } = await x402(["wallet", "history", "--json", "--home", home], { env });
  assert.deepEqual([code, signal], [0, null], stderr);
  assert.ok(existsSync(join(home, "journal.db")), "it did open a store");
  assert.ok(!existsSync(log));
});
