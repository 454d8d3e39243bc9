// SPDX-License-Identifier: Apache-2.0
//
// The reference seller: @x402/express unchanged in front of one paid route.
//
//   FACILITATOR_URL=URL PAY_TO=0x... [NETWORK=eip155:84532] [PRICE=$0.001] [TOKEN=bearer] [PORT=0]
//   [BLOCKHASH_RPC=URL] tests/node.sh tests/interop/ref_server.mjs
//
//   GET /weather   {"report":...} for PRICE        GET /count   {"weather": handler calls}, free
//
// PAY_TO and NETWORK are lists with commas where it may be paid on several chains.
// TOKEN is sent to the facilitator as `Authorization: Bearer TOKEN`.
// BLOCKHASH_RPC: Solana's terms carry a recent blockhash, so that the client need not ask for one.

import { HTTPFacilitatorClient } from "@x402/core/server";
import { ExactEvmScheme } from "@x402/evm/exact/server";
import { ExactSvmScheme } from "@x402/svm/exact/server";
import { paymentMiddleware, x402ResourceServer } from "@x402/express";
import express from "express";
import { chainsOf, serve } from "./serve.mjs";

const { FACILITATOR_URL, PRICE = "$0.001", TOKEN, BLOCKHASH_RPC } = process.env;
const chains = chainsOf(process.env);

async function createAuthHeaders() {
  const header = { Authorization: `Bearer ${TOKEN}` };
  return { verify: header, settle: header, supported: header };
}

const facilitator = new HTTPFacilitatorClient({
  url: FACILITATOR_URL,
  ...(TOKEN && { createAuthHeaders }),
});
const server = new x402ResourceServer(facilitator);
for (const { network } of chains) {
  const scheme = network.startsWith("solana:") ? new ExactSvmScheme({ rpcUrl: BLOCKHASH_RPC }) : new ExactEvmScheme();
  server.register(network, scheme);
}
const routes = {
  "GET /weather": {
    accepts: chains.map(({ network, payTo }) => ({ scheme: "exact", price: PRICE, network, payTo })),
    description: "Weather report",
    mimeType: "application/json",
  },
};

const count = { weather: 0 };
const app = express();
app.get("/count", (_request, response) => response.json(count));
app.use(paymentMiddleware(routes, server));
app.get("/weather", (_request, response) => {
  count.weather += 1;
  response.json({ report: { weather: "sunny", temperature: 21 } });
});
serve(app);
