// SPDX-License-Identifier: Apache-2.0
//
// The reference buyer: @x402/fetch unchanged, with its own safety rails (known assets, $1 a
// payment) on. Asks COUNT times one after the other and prints one JSON line.
//
//   URL=URL KEY=0x... [METHOD=GET] [BODY=text] [COUNT=1] [HEADERS=json] [ALLOW_ANY_ASSET=1]
//   [NETWORK=eip155:84532] [RPC=URL] tests/node.sh tests/interop/ref_client.mjs
//
// KEY and NETWORK are lists with commas where it can pay on several chains, RPC too, though only Solana's
// is used.
// COUNT=1: {"status","body","payment","ms"}; more: {"answers":[...]} of the same. payment is the
// decoded PAYMENT-RESPONSE. A call the client itself refuses or cannot make is {"error":"..."},
// and then the exit code is 1.

import { decodePaymentResponseHeader, wrapFetchWithPayment, x402Client } from "@x402/fetch";
import { registerExactEvmScheme } from "@x402/evm/exact/client";
import { ExactSvmScheme } from "@x402/svm/exact/client";
import { createKeyPairSignerFromBytes, getBase58Encoder } from "@solana/kit";
import { privateKeyToAccount } from "viem/accounts";
import { chainsOf } from "./serve.mjs";

const { URL: url, METHOD, BODY, COUNT = "1", HEADERS, ALLOW_ANY_ASSET } = process.env;

async function makeClient() {
  const client = new x402Client();
  for (const { network, rpc, key } of chainsOf(process.env)) {
    if (network.startsWith("solana:")) {
      const signer = await createKeyPairSignerFromBytes(getBase58Encoder().encode(key));
      client.register(network, new ExactSvmScheme(signer, { rpcUrl: rpc }));
    } else {
      registerExactEvmScheme(client, { signer: privateKeyToAccount(key) });
    }
  }
  if (ALLOW_ANY_ASSET === "1") client.setSpendControls({ allowedAssets: true });
  return client;
}

function parseBody(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function ask(fetchWithPayment) {
  const started = performance.now();
  const response = await fetchWithPayment(url, {
    method: METHOD ?? (BODY === undefined ? "GET" : "POST"),
    headers: HEADERS ? JSON.parse(HEADERS) : {},
    body: BODY,
  });
  const body = parseBody(await response.text());
  const header = response.headers.get("PAYMENT-RESPONSE");
  const payment = header ? decodePaymentResponseHeader(header) : null;
  return { status: response.status, body, payment, ms: Math.round(performance.now() - started) };
}

async function askOrExplain(fetchWithPayment) {
  try {
    return await ask(fetchWithPayment);
  } catch (error) {
    process.exitCode = 1;
    return { error: error.message };
  }
}

const fetchWithPayment = wrapFetchWithPayment(fetch, await makeClient());
const answers = [];
for (let i = 0; i < Number(COUNT); ++i) answers.push(await askOrExplain(fetchWithPayment));
console.log(JSON.stringify(answers.length === 1 ? answers[0] : { answers }));
