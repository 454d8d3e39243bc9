// SPDX-License-Identifier: Apache-2.0
//
// The reference buyer: @x402/fetch unchanged, with its own safety rails (known assets, $1 a
// payment) on. Asks COUNT times one after the other and prints one JSON line.
//
//   URL=URL KEY=0x... [METHOD=GET] [BODY=text] [COUNT=1] [HEADERS=json] [ALLOW_ANY_ASSET=1]
//   tests/node.sh tests/interop/ref_client.mjs
//
// COUNT=1: {"status","body","payment","ms"}; more: {"answers":[...]} of the same. payment is the
// decoded PAYMENT-RESPONSE. A call the client itself refuses or cannot make is {"error":"..."},
// and then the exit code is 1.

import { decodePaymentResponseHeader, wrapFetchWithPayment, x402Client } from "@x402/fetch";
import { registerExactEvmScheme } from "@x402/evm/exact/client";
import { privateKeyToAccount } from "viem/accounts";

const { URL: url, KEY, METHOD, BODY, COUNT = "1", HEADERS, ALLOW_ANY_ASSET } = process.env;

function makeClient() {
  const client = registerExactEvmScheme(new x402Client(), { signer: privateKeyToAccount(KEY) });
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

const fetchWithPayment = wrapFetchWithPayment(fetch, makeClient());
const answers = [];
for (let i = 0; i < Number(COUNT); ++i) answers.push(await askOrExplain(fetchWithPayment));
console.log(JSON.stringify(answers.length === 1 ? answers[0] : { answers }));
