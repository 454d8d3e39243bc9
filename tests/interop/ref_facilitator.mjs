// SPDX-License-Identifier: Apache-2.0
//
// The reference facilitator: @x402/core and @x402/evm unchanged, behind the three endpoints that
// their own example serves with express.
//
//   RPC=URL KEY=0x... [PORT=0] [NETWORK=eip155:84532] [NONCE_MANAGER=1] [POLL_MS=N]
//   [CONFIRMATION_TIMEOUT_MS=N] tests/node.sh tests/interop/ref_facilitator.mjs
//
// NONCE_MANAGER=1 lets viem count nonces itself, without which parallel settlements collide.
// POLL_MS sets how often viem asks for a receipt (1000 on Base Sepolia).

import { x402Facilitator } from "@x402/core/facilitator";
import { toFacilitatorEvmSigner } from "@x402/evm";
import { registerExactEvmScheme } from "@x402/evm/exact/facilitator";
import express from "express";
import { createWalletClient, http, nonceManager, publicActions } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { chainOf } from "../lib/chain.mjs";
import { serve } from "./serve.mjs";

const {
  RPC,
  KEY,
  NETWORK = "eip155:84532",
  NONCE_MANAGER,
  POLL_MS,
  CONFIRMATION_TIMEOUT_MS,
} = process.env;

function makeSigner() {
  const options = NONCE_MANAGER === "1" ? { nonceManager } : {};
  const account = privateKeyToAccount(KEY, options);
  const client = createWalletClient({
    account,
    chain: chainOf(RPC, Number(NETWORK.split(":")[1])),
    transport: http(RPC),
    ...(POLL_MS && { pollingInterval: Number(POLL_MS) }),
  }).extend(publicActions);
  const timeout = CONFIRMATION_TIMEOUT_MS && {
    confirmationTimeoutMs: Number(CONFIRMATION_TIMEOUT_MS),
  };
  return toFacilitatorEvmSigner({ ...client, address: account.address }, timeout || undefined);
}

const facilitator = registerExactEvmScheme(new x402Facilitator(), {
  signer: makeSigner(),
  networks: NETWORK,
});

function answer(operation) {
  return async (request, response) => {
    const { paymentPayload, paymentRequirements } = request.body ?? {};
    if (!paymentPayload || !paymentRequirements) {
      return response.status(400).json({ error: "Missing paymentPayload or paymentRequirements" });
    }
    try {
      return response.json(await facilitator[operation](paymentPayload, paymentRequirements));
    } catch (error) {
      console.error(`${operation}:`, error);
      return response
        .status(500)
        .json({ error: error instanceof Error ? error.message : "Unknown error" });
    }
  };
}

const app = express();
app.use(express.json());
app.post("/verify", answer("verify"));
app.post("/settle", answer("settle"));
app.get("/supported", (_request, response) => response.json(facilitator.getSupported()));
serve(app);
