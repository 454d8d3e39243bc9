// SPDX-License-Identifier: Apache-2.0
//
// Runs our own binary in end-to-end tests: writes the config of a role for the local world, starts
// it, and pays with `x402 pay`. The binary is X402_BIN or build/release/x402.
//
// A role's folder holds its config and its store. To restart a role on its old store pass
// { dir: role.dir, listen: role.info.listen } of the one that was stopped or killed.

import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, run, startRole } from "./proc.mjs";
import { toToml } from "./toml.mjs";

export const X402 = process.env.X402_BIN ?? join(ROOT, "build/release/x402");

export function haveX402() {
  return existsSync(X402);
}

// A fresh folder under build/tmp, kept for whoever wants to look at it afterwards.
export function newFolder(name) {
  const parent = join(ROOT, "build/tmp");
  mkdirSync(parent, { recursive: true });
  return mkdtempSync(join(parent, `${name}-`));
}

// Keys never stand in a config file: it names variables, and env holds them.
function signerVariables(signers) {
  const names = signers.map((_, i) => `X402_SIGNER_${i + 1}`);
  const env = Object.fromEntries(signers.map(({ key }, i) => [names[i], key]));
  return { refs: names.map((name) => `env:${name}`), env };
}

// options: signers (accounts; facilitator1), listen (127.0.0.1:0), assets, network (further keys of
// [networks.X]), config (further top-level keys). Returns { config, env }.
export function facilitatorConfig(world, options = {}) {
  const {
    signers = [world.accounts.facilitator1],
    listen = "127.0.0.1:0",
    assets,
    network,
    config,
  } = options;
  const { refs, env } = signerVariables(signers);
  return {
    env,
    config: {
      listen,
      store: "sqlite:facilitator.db",
      networks: {
        [world.network]: { rpc: [world.rpc], signers: refs, confirmations: 1, ...network },
      },
      assets,
      ...config,
    },
  };
}

// options: upstream, facilitators (URLs; absent: the one inside, with signers), listen, admin,
// origin, payTo, routes (GET /weather for $0.001), assets, network, config.
export function gatewayConfig(world, options) {
  const {
    upstream,
    facilitators,
    signers = [world.accounts.facilitator1],
    listen = "127.0.0.1:0",
    admin = "127.0.0.1:0",
    origin = "http://gateway.test",
    payTo = world.accounts.merchant.address,
    routes = [paidRoute(world)],
    assets,
    network,
    config,
  } = options;
  const inside = facilitators ? { refs: undefined, env: {} } : signerVariables(signers);
  return {
    env: inside.env,
    config: {
      listen,
      admin,
      origin,
      upstream,
      store: "sqlite:gateway.db",
      facilitators,
      pay_to: { eip155: payTo },
      networks: { [world.network]: { rpc: [world.rpc], signers: inside.refs, ...network } },
      assets,
      routes,
      ...config,
    },
  };
}

export function paidRoute(world, { match = "GET /weather", price = "$0.001", ...more } = {}) {
  return { match, price, description: "Weather report", networks: [world.network], ...more };
}

async function startOurs(
  role,
  { config, env },
  { dir = newFolder(role), env: moreEnv, command = X402, args = [], deadlineMs } = {},
) {
  writeFileSync(join(dir, `${role}.toml`), toToml(config));
  const started = await startRole({
    name: `x402-${role}`,
    command,
    args: [role, "--config", join(dir, `${role}.toml`), ...args],
    cwd: dir,
    env: { ...env, ...moreEnv },
    deadlineMs,
  });
  const { listen, admin } = started.info;
  return { ...started, dir, url: `http://${listen}`, admin: admin && `http://${admin}` };
}

// Both return what startRole returns, and { dir, url, admin }. Besides the options of the config:
// dir, env, command (instead of the binary), args (further flags), deadlineMs.
export function startFacilitator(world, options = {}) {
  return startOurs("facilitator", facilitatorConfig(world, options), options);
}

export function startGateway(world, options) {
  return startOurs("gateway", gatewayConfig(world, options), options);
}

// `x402 ARGS...`: resolves with { code, signal, stdout, stderr, ms }.
export function x402(args, options) {
  return run(X402, args, options);
}

// `x402 pay URL --json`. payer: { key }; args: further flags; home: the client's journal (a fresh
// one unless given). Adds { home, results }: one object per request, as printed.
export async function x402Pay(
  world,
  url,
  { payer, args = [], home = newFolder("home"), ...options },
) {
  const outcome = await x402(
    ["pay", url, "--json", "--home", home, "--rpc", `${world.network}=${world.rpc}`, ...args],
    { ...options, env: { X402_EVM_KEY: payer.key, ...options.env } },
  );
  const lines = outcome.stdout.split("\n").filter((line) => line.startsWith("{"));
  return { ...outcome, home, results: lines.map((line) => JSON.parse(line)) };
}
