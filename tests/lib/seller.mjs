// SPDX-License-Identifier: Apache-2.0
//
// A seller that a test makes good or evil: answers 402 with the given terms, and what it likes to a
// payment. It settles nothing by itself; it remembers every payment header that it was sent.

import { decodeHeader, encodeHeader } from "./payments.mjs";
import { startUpstream } from "./wire.mjs";

// The body of a 402. more: further members, such as error or extensions.
export function requiredOf(accepts, { url = "http://seller.test/", ...more } = {}) {
  return { x402Version: 2, resource: { url }, accepts, ...more };
}

// respond402(response, required): header and body as a good seller sends them.
export function respond402(response, required) {
  response.writeHead(402, { "content-type": "application/json", "payment-required": encodeHeader(required) });
  response.end(JSON.stringify(required));
}

// unpaid(request, response) and paid(request, response, payment, count) answer. Adds { headers,
// payments }: the payment headers as they came and decoded.
export async function startSeller({ unpaid, paid = (_request, response) => response.end("bought") }) {
  const headers = [];
  const seller = await startUpstream(async (request, response, body) => {
    const header = request.headers["payment-signature"] ?? request.headers["x-payment"];
    if (header === undefined) return unpaid(request, response, body);
    headers.push(header);
    return paid(request, response, decodeHeader(header), headers.length);
  });
  return Object.defineProperty({ ...seller, headers }, "payments", { get: () => headers.map(decodeHeader) });
}
