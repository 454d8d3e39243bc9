// SPDX-License-Identifier: Apache-2.0
//
// The helpers that other tests lean on, where being wrong would hide a failure.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "./check.mjs";
import { NODE, run, startRole } from "./proc.mjs";
import { toToml } from "./toml.mjs";
import { facilitatorConfig, gatewayConfig } from "./x402bin.mjs";

const WORLD = {
  network: "eip155:84532",
  rpc: "http://127.0.0.1:1",
  accounts: { facilitator1: { key: "0xsecret" }, merchant: { address: "0xmerchant" } },
};

test("TOML has tables where our config files have them", () => {
  const text = toToml({
    listen: "127.0.0.1:0",
    absent: undefined,
    pay_to: { eip155: "0x1" },
    facilitators: [{ url: "u", token: "env:T" }],
    networks: { "eip155:1": { rpc: ["a", "b"], confirmations: 1 } },
    assets: { usdc: { usd: true, eip712: { name: 'A "B"', version: "2" } } },
    routes: [{ match: "GET /a" }, { match: "GET /b", free: true }],
  });
  assert.equal(
    text,
    `listen = "127.0.0.1:0"
pay_to = { eip155 = "0x1" }
facilitators = [{ url = "u", token = "env:T" }]

[networks."eip155:1"]
rpc = ["a", "b"]
confirmations = 1

[assets.usdc]
usd = true
eip712 = { name = "A \\"B\\"", version = "2" }

[[routes]]
match = "GET /a"

[[routes]]
match = "GET /b"
free = true
`,
  );
});

test("no key is written into a config", () => {
  for (const { config, env } of [
    facilitatorConfig(WORLD),
    gatewayConfig(WORLD, { upstream: "u" }),
  ]) {
    assert.equal(toToml(config).includes("0xsecret"), false);
    assert.deepEqual(env, { X402_SIGNER_1: "0xsecret" });
  }
  const remote = gatewayConfig(WORLD, { upstream: "u", facilitators: ["f"] });
  assert.deepEqual(remote.env, {});
  assert.equal(toToml(remote.config).includes("signers"), false);
});

test("a role that ends or stays silent is reported with its words", async () => {
  const role = (script, deadlineMs) =>
    startRole({ name: "role", command: NODE, args: ["-e", script], deadlineMs });
  await assert.rejects(role("console.error('broken'); process.exit(3)"), /exit code 3[^]*broken/);
  await assert.rejects(
    role("console.error('stuck'); setTimeout(() => {}, 60000)", 500),
    /500 ms[^]*stuck/,
  );
});

test("a command's output and end are told, and its deadline holds", async () => {
  const echo = await run(
    NODE,
    ["-e", "process.stdin.pipe(process.stdout); console.error('e'); process.exitCode = 4"],
    { input: "hello" },
  );
  assert.deepEqual([echo.code, echo.stdout, echo.stderr], [4, "hello", "e\n"]);
  await assert.rejects(
    run(NODE, ["-e", "setTimeout(() => {}, 60000)"], { deadlineMs: 200 }),
    /no answer within 200 ms/,
  );
});

test("waiting ends with the first success or with the deadline", async () => {
  let calls = 0;
  assert.equal(await eventually(() => (++calls === 3 ? "yes" : null), { everyMs: 1 }), "yes");
  await assert.rejects(
    eventually(() => false, { deadlineMs: 20, everyMs: 1, what: "nothing" }),
    /nothing did not come true/,
  );
});
