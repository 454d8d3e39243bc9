// SPDX-License-Identifier: Apache-2.0
//
// The library as somebody else uses it: installed into a folder of its own, found by find_package(x402), compiled
// into examples/embed, and made to pay.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { ROOT, run } from "../lib/proc.mjs";
import { newFolder, startGateway } from "../lib/x402bin.mjs";
import { startSampleApi } from "../interop/roles.mjs";

const PREFIX = join(ROOT, "build/embed/prefix");
const BUILD = join(ROOT, "build/embed/build");
const MINUTES = 60_000;

async function must(command, args) {
  const { code, stdout, stderr } = await run(command, args, { deadlineMs: 8 * MINUTES });
  assert.equal(code, 0, `${command} ${args.join(" ")}\n${stdout.slice(-4000)}\n${stderr.slice(-4000)}`);
}

test("a program that embeds the installed library pays", { timeout: 10 * MINUTES }, async (t) => {
  rmSync(join(ROOT, "build/embed"), { recursive: true, force: true });
  await must("cmake", ["--install", join(ROOT, "build/release"), "--prefix", PREFIX]);
  await must("cmake", ["-S", join(ROOT, "examples/embed"), "-B", BUILD, "-G", "Ninja",
    `-DCMAKE_PREFIX_PATH=${PREFIX}`, "-DCMAKE_BUILD_TYPE=Release"]);
  await must("cmake", ["--build", BUILD]);

  const world = await startWorld();
  t.after(() => world.stop());
  const api = await startSampleApi();
  t.after(() => api.stop());
  const gateway = await startGateway(world, { upstream: api.info.url });   // the facilitator runs inside
  t.after(() => gateway.stop());
  const payer = world.payers[0];
  const paid = await run(join(BUILD, "embed"), [`${gateway.url}/weather`, join(newFolder("embed"), "journal.db")],
    { env: { X402_EVM_KEY: payer.key } });

  assert.equal(paid.code, 0, `${paid.stdout}\n${paid.stderr}`);
  assert.match(paid.stdout, /^200\n.*sunny/s);
  assert.equal(await new Chain(world).balanceOf(world.accounts.merchant.address), 1000n);
});
