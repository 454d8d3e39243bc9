// SPDX-License-Identifier: Apache-2.0
//
// Builds x402 V2 payments by hand, right or wrong in any field, and asks a facilitator about
// them. The reference client makes only correct payments; tests of refusals need the others.

import { randomBytes } from "node:crypto";
import { getAddress, toHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";

const TRANSFER_TYPES = {
  TransferWithAuthorization: [
    { name: "from", type: "address" },
    { name: "to", type: "address" },
    { name: "value", type: "uint256" },
    { name: "validAfter", type: "uint256" },
    { name: "validBefore", type: "uint256" },
    { name: "nonce", type: "bytes32" },
  ],
};

export const encodeHeader = (value) => Buffer.from(JSON.stringify(value)).toString("base64");

export const decodeHeader = (text) =>
  text ? JSON.parse(Buffer.from(text, "base64").toString("utf8")) : undefined;

export function randomNonce() {
  return toHex(randomBytes(32));
}

// world: { network, usdc }. Any field can be overridden.
export function exactRequirements(world, { payTo, amount = "1000", ...overrides }) {
  return {
    scheme: "exact",
    network: world.network,
    asset: world.usdc,
    amount,
    payTo,
    maxTimeoutSeconds: 300,
    extra: { name: "USDC", version: "2" },
    ...overrides,
  };
}

// The 65-byte signature of an EIP-3009 authorization; domain overrides fields of the token's
// EIP-712 domain.
export function signAuthorization(key, authorization, { network, asset, extra, domain }) {
  return privateKeyToAccount(key).signTypedData({
    domain: {
      name: extra.name,
      version: extra.version,
      chainId: Number(network.split(":")[1]),
      verifyingContract: getAddress(asset),
      ...domain,
    },
    types: TRANSFER_TYPES,
    primaryType: "TransferWithAuthorization",
    message: authorization,
  });
}

// A signed payment for the requirements. payer: { address, key }. authorization overrides signed
// fields before signing; from is a smart wallet's address where the key belongs to its owner.
export async function exactPayment(
  payer,
  requirements,
  { authorization = {}, domain, resource, extensions } = {},
) {
  const now = Math.floor(Date.now() / 1000);
  const signed = {
    from: payer.address,
    to: requirements.payTo,
    value: requirements.amount,
    validAfter: "0",
    validBefore: `${now + requirements.maxTimeoutSeconds}`,
    nonce: randomNonce(),
    ...authorization,
  };
  const signature = await signAuthorization(payer.key, signed, { ...requirements, domain });
  return {
    x402Version: 2,
    resource,
    accepted: requirements,
    payload: { signature, authorization: signed },
    extensions,
  };
}

// endpoint: "verify" or "settle". Resolves with { status, headers, body }; body is parsed JSON,
// or the text where it is none.
export async function askFacilitator(
  url,
  endpoint,
  payment,
  requirements = payment.accepted,
  headers = {},
) {
  const response = await fetch(`${url}/${endpoint}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({
      x402Version: 2,
      paymentPayload: payment,
      paymentRequirements: requirements,
    }),
  });
  return readAnswer(response);
}

// One HTTP request, with or without a payment. Resolves with
// { status, headers, body, required, settlement }: the two payment headers decoded.
export async function request(url, { payment, headers = {}, ...init } = {}) {
  const paid = payment ? { "payment-signature": encodeHeader(payment) } : {};
  const response = await fetch(url, { ...init, headers: { ...headers, ...paid } });
  const answer = await readAnswer(response);
  return {
    ...answer,
    required: decodeHeader(response.headers.get("payment-required")),
    settlement: decodeHeader(response.headers.get("payment-response")),
  };
}

async function readAnswer(response) {
  const text = await response.text();
  let body = text;
  try {
    body = JSON.parse(text);
  } catch {
    // not JSON: the text is the body
  }
  return { status: response.status, headers: response.headers, body };
}
