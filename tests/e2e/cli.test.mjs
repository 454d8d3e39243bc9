// SPDX-License-Identifier: Apache-2.0
//
// The binary as a whole: help for everything, exit codes of usage, one ready line and nothing else
// on stdout, logs that a machine reads, and paths and secrets that are relative to the config file.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { houseOf } from "../lib/house.mjs";
import { startRole } from "../lib/proc.mjs";
import { toToml } from "../lib/toml.mjs";
import { payFor, startUpstream, wireRequest } from "../lib/wire.mjs";
import { X402, facilitatorConfig, gatewayConfig, newFolder, startFacilitator, startGateway,
  x402 } from "../lib/x402bin.mjs";

const COMMANDS = [["gateway"], ["facilitator"], ["pay"], ["wallet"], ["wallet", "new"], ["wallet", "import"],
  ["wallet", "list"], ["wallet", "balance"], ["wallet", "history"]];

test("help and version are on stdout and end with 0", async (t) => {
  const whole = await x402(["--help"]);
  assert.equal(whole.code, 0);
  for (const [name] of COMMANDS) assert.match(whole.stdout, new RegExp(`\\b${name}\\b`));
  assert.match(whole.stdout, /Exit codes: 0 done, 1 failed, 2 usage, 3 payment unknown, 4 refused by policy/);
  const version = await x402(["--version"]);
  assert.deepEqual([version.code, /^\d+\.\d+\.\d+/.test(version.stdout)], [0, true], version.stdout);
  for (const command of COMMANDS) {
    await t.test(command.join(" "), async () => {
      const { code, stdout, stderr } = await x402([...command, "--help"]);
      assert.deepEqual([code, stderr], [0, ""]);
      if (command.join(" ") !== "wallet") assert.match(stdout, /--json/);
    });
  }
});

test("usage that is none ends with 2 and says so on stderr", async (t) => {
  for (const args of [[], ["teapot"], ["gateway"], ["facilitator", "--config"], ["pay"], ["wallet"], ["wallet", "fund"],
    ["wallet", "import"], ["gateway", "--config", "x", "--colour"], ["wallet", "history", "--limit", "0"]]) {
    await t.test(args.join(" ") || "nothing at all", async () => {
      const { code, stdout, stderr } = await x402(args);
      assert.equal(code, 2, stderr);
      assert.equal(stdout, "");
      assert.ok(stderr.length > 10);
    });
  }
});

test("a role says one line when it is ready, and its log is JSON, line by line", async (t) => {
  const house = houseOf(t);
  const world = await house.add(startWorld());
  const upstream = await house.add(startUpstream((_request, response) => response.end("sunny")));
  const facilitator = await house.add(startFacilitator(world));
  const gateway = await house.add(startGateway(world, { upstream: upstream.url, facilitators: [facilitator.url] }));
  assert.equal((await payFor(`${gateway.url}/weather`, world.payers[0])).status, 200);
  for (const role of [facilitator, gateway]) {
    assert.deepEqual(await role.stop(), { code: 0, signal: null });
    assert.equal(role.lines.length, 1, role.lines.join("\n"));
    const { ready, role: name, listen } = JSON.parse(role.lines[0]);
    assert.deepEqual([ready, role.name], [true, `x402-${name}`]);
    assert.match(listen, /^127\.0\.0\.1:[1-9]\d*$/, "port 0 became a real one");
    for (const line of readFileSync(role.log, "utf8").trim().split("\n")) {
      const { at, level, event } = JSON.parse(line);
      assert.ok(at && level && event, line);
    }
  }
});

test("relative paths and secret files start from the folder of the config, wherever the role is started", async (t) => {
  const house = houseOf(t);
  const world = await house.add(startWorld());
  const dir = newFolder("relative");
  mkdirSync(join(dir, "secrets"));
  writeFileSync(join(dir, "secrets/signer"), `${world.accounts.facilitator1.key}\n`, { mode: 0o600 });
  writeFileSync(join(dir, "secrets/token"), "let-me-in\n", { mode: 0o600 });
  const { config } = facilitatorConfig(world, { config: { store: "sqlite:data/facilitator.db",
      callers: ["file:secrets/token"] } });
  config.networks[world.network].signers = ["file:secrets/signer"];
  writeFileSync(join(dir, "facilitator.toml"), toToml(config));
  mkdirSync(join(dir, "data"));
  const args = ["facilitator", "--config", join(dir, "facilitator.toml")];
  const role = await house.add(startRole({ name: "x402-relative", command: X402, args, cwd: newFolder("elsewhere") }));
  assert.ok(existsSync(join(dir, "data/facilitator.db")));
  const headers = ["Authorization", "Bearer let-me-in"];
  const { status, body } = await wireRequest(`http://${role.info.listen}/supported`, { headers });
  assert.deepEqual([status, body.signers["eip155:*"]], [200, [world.accounts.facilitator1.address]]);
});

test("a chain that is not the one configured, or not there, stops a facilitator with a sentence", async (t) => {
  const house = houseOf(t);
  const world = await house.add(startWorld());
  const other = { ...world.toJSON(), network: "eip155:8453" };
  await assert.rejects(startFacilitator(other), /84532[^]*8453|8453[^]*84532/, "the wrong chain id is told");
  const gateway = { upstream: "http://127.0.0.1:9", signers: [world.accounts.facilitator1] };
  const { env, config } = gatewayConfig({ ...world.toJSON(), rpc: "http://127.0.0.1:9" }, gateway);
  const dir = newFolder("nochain");
  writeFileSync(join(dir, "gateway.toml"), toToml(config));
  const { code, stdout, stderr } = await x402(["gateway", "--config", join(dir, "gateway.toml")], { env, cwd: dir });
  assert.deepEqual([code, stdout], [1, ""], stderr);
  assert.match(stderr, /127\.0\.0\.1:9|eip155:84532/);
});
