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

// One world or several: a role serves the chains of all of them.
const listOf = (worlds) => [worlds].flat();
const familyOf = ({ network }) => network.split(":")[0];

// Keys never stand in a config file: it names variables, and env holds them. signers: accounts of the
// only world; otherwise each world's facilitator1.
function signerVariables(worlds, signers) {
  const each = worlds.map((world) => signers ?? [world.accounts.facilitator1]);
  const names = each.flat().map((_, i) => `X402_SIGNER_${i + 1}`);
  const env = Object.fromEntries(each.flat().map(({ key }, i) => [names[i], key]));
  let first = 0;
  const refs = each.map(({ length }) => names.slice(first, (first += length)).map((name) => `env:${name}`));
  return { refs, env };
}

// The [networks] of these worlds; own: keys that the caller adds to each.
function networksOf(worlds, refs, own) {
  const table = (world, i) => ({ rpc: [world.rpc], signers: refs?.[i], ...own(world) });
  return Object.fromEntries(worlds.map((world, i) => [world.network, table(world, i)]));
}

// worlds: a world or a list. options: signers (accounts; facilitator1), listen (127.0.0.1:0), assets,
// network (further keys of every [networks.X]), config (further top-level keys). Returns { config, env }.
export function facilitatorConfig(worlds, options = {}) {
  const { signers, listen = "127.0.0.1:0", assets, network, config } = options;
  const list = listOf(worlds);
  const { refs, env } = signerVariables(list, signers);
  const usual = (world) => (familyOf(world) === "eip155" ? { confirmations: 1 } : {});
  return {
    env,
    config: {
      listen,
      store: "sqlite:facilitator.db",
      networks: networksOf(list, refs, (world) => ({ ...usual(world), ...network })),
      assets,
      ...config,
    },
  };
}

// options: upstream, facilitators (URLs; absent: the one inside, with signers), listen, admin,
// origin, payTo (of the only world), routes (GET /weather for $0.001), assets, network, config.
export function gatewayConfig(worlds, options) {
  const list = listOf(worlds);
  const {
    upstream,
    facilitators,
    signers,
    listen = "127.0.0.1:0",
    admin = "127.0.0.1:0",
    origin = "http://gateway.test",
    payTo,
    routes = [paidRoute(worlds)],
    assets,
    network,
    config,
  } = options;
  const inside = facilitators ? { refs: undefined, env: {} } : signerVariables(list, signers);
  const payees = list.map((world) => [familyOf(world), payTo ?? world.accounts.merchant.address]);
  return {
    env: inside.env,
    config: {
      listen,
      admin,
      origin,
      upstream,
      store: "sqlite:gateway.db",
      facilitators,
      pay_to: Object.fromEntries(payees),
      networks: networksOf(list, inside.refs, () => network),
      assets,
      routes,
      ...config,
    },
  };
}

export function paidRoute(worlds, { match = "GET /weather", price = "$0.001", ...more } = {}) {
  const networks = listOf(worlds).map(({ network }) => network);
  return { match, price, description: "Weather report", networks, ...more };
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
export function startFacilitator(worlds, options = {}) {
  return startOurs("facilitator", facilitatorConfig(worlds, options), options);
}

export function startGateway(worlds, options) {
  return startOurs("gateway", gatewayConfig(worlds, options), options);
}

// `x402 ARGS...`: resolves with { code, signal, stdout, stderr, ms }.
export function x402(args, options) {
  return run(X402, args, options);
}

// A key's own variable: hex is an EVM key, anything else a Solana one.
export const keyEnv = (payers) => Object.fromEntries([payers].flat().filter(Boolean)
  .map(({ key }) => [key.startsWith("0x") ? "X402_EVM_KEY" : "X402_SVM_KEY", key]));

export const rpcFlags = (worlds) => listOf(worlds).flatMap(({ network, rpc }) => ["--rpc", `${network}=${rpc}`]);

// `x402 pay URL --json`. payer: { key }, or a list of such; args: further flags; home: the client's
// journal (a fresh one unless given). Adds { home, results }: one object per request, as printed.
export async function x402Pay(
  worlds,
  url,
  { payer, args = [], home = newFolder("home"), ...options },
) {
  const outcome = await x402(
    ["pay", url, "--json", "--home", home, ...rpcFlags(worlds), ...args],
    { ...options, env: { ...keyEnv(payer), ...options.env } },
  );
  const lines = outcome.stdout.split("\n").filter((line) => line.startsWith("{"));
  return { ...outcome, home, results: lines.map((line) => JSON.parse(line)) };
}
