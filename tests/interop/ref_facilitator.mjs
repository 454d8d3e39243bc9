// SPDX-License-Identifier: Apache-2.0
//
// The reference facilitator: @x402/core, @x402/evm and @x402/svm unchanged, behind the three endpoints
// that their own example serves with express.
//
//   RPC=URL KEY=0x... [NETWORK=eip155:84532] [PORT=0] [NONCE_MANAGER=1] [POLL_MS=N]
//   [CONFIRMATION_TIMEOUT_MS=N] tests/node.sh tests/interop/ref_facilitator.mjs
//
// RPC, KEY and NETWORK are lists with commas where it serves several chains; a Solana key is base58.
// NONCE_MANAGER=1 lets viem count nonces itself, without which parallel settlements collide.
// POLL_MS sets how often viem asks for a receipt (1000 on Base Sepolia).

import { x402Facilitator } from "@x402/core/facilitator";
import { toFacilitatorEvmSigner } from "@x402/evm";
import { registerExactEvmScheme } from "@x402/evm/exact/facilitator";
import { toFacilitatorSvmSigner } from "@x402/svm";
import { registerExactSvmScheme } from "@x402/svm/exact/facilitator";
import { createKeyPairSignerFromBytes, getBase58Encoder } from "@solana/kit";
import express from "express";
import { createWalletClient, http, nonceManager, publicActions } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { chainOf } from "../lib/chain.mjs";
import { chainsOf, serve } from "./serve.mjs";

const { NONCE_MANAGER, POLL_MS, CONFIRMATION_TIMEOUT_MS } = process.env;

function makeEvmSigner({ rpc, key, network }) {
  const options = NONCE_MANAGER === "1" ? { nonceManager } : {};
  const account = privateKeyToAccount(key, options);
  const client = createWalletClient({
    account,
    chain: chainOf(rpc, Number(network.split(":")[1])),
    transport: http(rpc),
    ...(POLL_MS && { pollingInterval: Number(POLL_MS) }),
  }).extend(publicActions);
  const timeout = CONFIRMATION_TIMEOUT_MS && {
    confirmationTimeoutMs: Number(CONFIRMATION_TIMEOUT_MS),
  };
  return toFacilitatorEvmSigner({ ...client, address: account.address }, timeout || undefined);
}

async function makeSvmSigner({ rpc, key }) {
  const signer = await createKeyPairSignerFromBytes(getBase58Encoder().encode(key));
  return toFacilitatorSvmSigner(signer, { defaultRpcUrl: rpc });
}

const facilitator = new x402Facilitator();
for (const chain of chainsOf(process.env)) {
  const networks = chain.network;
  if (networks.startsWith("solana:")) {
    registerExactSvmScheme(facilitator, { signer: await makeSvmSigner(chain), networks });
  } else {
    registerExactEvmScheme(facilitator, { signer: makeEvmSigner(chain), networks });
  }
}

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
