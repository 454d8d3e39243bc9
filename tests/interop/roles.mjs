// SPDX-License-Identifier: Apache-2.0
//
// Starts the reference roles from a test: one function per role, arguments instead of environment. Each
// takes a world of a chain, or a list of worlds.

import { runScript, startScript } from "../lib/proc.mjs";

function environment(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, `${value}`]));
}

const joined = (worlds, each) => [worlds].flat().map(each).join(",");
const networksOf = (worlds) => joined(worlds, ({ network }) => network);
const rpcsOf = (worlds) => joined(worlds, ({ rpc }) => rpc);

// signer: { key } of the only world; options: nonceManager, pollMs, confirmationTimeoutMs.
export function startRefFacilitator(worlds, { signer, ...options } = {}) {
  const { nonceManager, pollMs, confirmationTimeoutMs } = options;
  const env = environment({
    RPC: rpcsOf(worlds),
    KEY: joined(worlds, ({ accounts }) => (signer ?? accounts.facilitator1).key),
    NETWORK: networksOf(worlds),
    POLL_MS: pollMs,
    NONCE_MANAGER: nonceManager ? 1 : undefined,
    CONFIRMATION_TIMEOUT_MS: confirmationTimeoutMs,
  });
  return startScript("ref_facilitator", "tests/interop/ref_facilitator.mjs", { env });
}

// payTo: of the only world.
export function startRefServer(worlds, { facilitator, payTo, price, token, blockhashRpc }) {
  const env = environment({
    FACILITATOR_URL: facilitator,
    PAY_TO: joined(worlds, ({ accounts }) => payTo ?? accounts.merchant.address),
    NETWORK: networksOf(worlds),
    PRICE: price,
    TOKEN: token,
    BLOCKHASH_RPC: blockhashRpc,
  });
  return startScript("ref_server", "tests/interop/ref_server.mjs", { env });
}

// Resolves with the client's JSON line: { status, body, payment, ms }, { answers } or { error }. key: text,
// or one for each of the worlds; without worlds it pays on Base Sepolia.
export async function runRefClient(
  url,
  { key, worlds, method, body, count, headers, allowAnyAsset, deadlineMs },
) {
  const env = environment({
    URL: url,
    KEY: [key].flat().join(","),
    NETWORK: worlds && networksOf(worlds),
    RPC: worlds && rpcsOf(worlds),
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
