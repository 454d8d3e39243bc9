// SPDX-License-Identifier: Apache-2.0
//
// The reference seller: @x402/express unchanged in front of one paid route.
//
//   FACILITATOR_URL=URL PAY_TO=0x... [NETWORK=eip155:84532] [PRICE=$0.001] [TOKEN=bearer] [PORT=0]
//   tests/node.sh tests/interop/ref_server.mjs
//
//   GET /weather   {"report":...} for PRICE        GET /count   {"weather": handler calls}, free
//
// TOKEN is sent to the facilitator as `Authorization: Bearer TOKEN`.

import { HTTPFacilitatorClient } from "@x402/core/server";
import { ExactEvmScheme } from "@x402/evm/exact/server";
import { paymentMiddleware, x402ResourceServer } from "@x402/express";
import express from "express";
import { serve } from "./serve.mjs";

const { FACILITATOR_URL, PAY_TO, NETWORK = "eip155:84532", PRICE = "$0.001", TOKEN } = process.env;

async function createAuthHeaders() {
  const header = { Authorization: `Bearer ${TOKEN}` };
  return { verify: header, settle: header, supported: header };
}

const facilitator = new HTTPFacilitatorClient({
  url: FACILITATOR_URL,
  ...(TOKEN && { createAuthHeaders }),
});
const server = new x402ResourceServer(facilitator).register(NETWORK, new ExactEvmScheme());
const routes = {
  "GET /weather": {
    accepts: { scheme: "exact", price: PRICE, network: NETWORK, payTo: PAY_TO },
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
