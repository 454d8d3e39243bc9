// SPDX-License-Identifier: Apache-2.0
//
// Starts the reference roles from a test: one function per role, arguments instead of environment.

import { runScript, startScript } from "../lib/proc.mjs";

function environment(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, `${value}`]));
}

// signer: { key } of the world; options: nonceManager, pollMs, confirmationTimeoutMs.
export function startRefFacilitator(
  world,
  { signer = world.accounts.facilitator1, ...options } = {},
) {
  const { nonceManager, pollMs, confirmationTimeoutMs } = options;
  const env = environment({
    RPC: world.rpc,
    KEY: signer.key,
    NETWORK: world.network,
    POLL_MS: pollMs,
    NONCE_MANAGER: nonceManager ? 1 : undefined,
    CONFIRMATION_TIMEOUT_MS: confirmationTimeoutMs,
  });
  return startScript("ref_facilitator", "tests/interop/ref_facilitator.mjs", { env });
}

export function startRefServer(
  world,
  { facilitator, payTo = world.accounts.merchant.address, price, token },
) {
  const env = environment({
    FACILITATOR_URL: facilitator,
    PAY_TO: payTo,
    NETWORK: world.network,
    PRICE: price,
    TOKEN: token,
  });
  return startScript("ref_server", "tests/interop/ref_server.mjs", { env });
}

// Resolves with the client's JSON line: { status, body, payment, ms }, { answers } or { error }.
export async function runRefClient(
  url,
  { key, method, body, count, headers, allowAnyAsset, deadlineMs },
) {
  const env = environment({
    URL: url,
    KEY: key,
    METHOD: method,
    BODY: body,
    COUNT: count,
    HEADERS: headers ? JSON.stringify(headers) : undefined,
    ALLOW_ANY_ASSET: allowAnyAsset ? 1 : undefined,
  });
  const { stdout, stderr } = await runScript("tests/interop/ref_client.mjs", { env, deadlineMs });
  const line = stdout.trim();
  if (!line.startsWith("{")) throw new Error(`ref_client said nothing\n${stderr}`);
  return JSON.parse(line);
}

export function startSampleApi() {
  return startScript("sample_api", "tests/devnet/sample_api.mjs");
}
