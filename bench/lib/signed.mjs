// SPDX-License-Identifier: Apache-2.0
//
// Payments signed before a measurement begins, so that signing is no part of it. Every local world
// has the same chain id, token and accounts: what is signed once is good on each fresh chain.

import { NETWORK, USDC, account } from "../../tests/devnet/world.mjs";
import { exactPayment, exactRequirements } from "../../tests/lib/payments.mjs";

export const AMOUNT = 1000n;
const USABLE_SECONDS = 4 * 3600; // longer than any run

// The bodies of `count` requests to a facilitator, as JSON texts; payers take turns.
export async function signBodies({ count, payers }) {
  const requirements = exactRequirements(
    { network: NETWORK, usdc: USDC },
    { payTo: account("merchant").address, amount: `${AMOUNT}`, maxTimeoutSeconds: USABLE_SECONDS },
  );
  const accounts = Array.from({ length: payers }, (_, i) => account(`payer${i + 1}`));
  const bodies = [];
  for (let i = 0; i < count; ++i) {
    const payment = await exactPayment(accounts[i % payers], requirements);
    bodies.push(
      JSON.stringify({
        x402Version: 2,
        paymentPayload: payment,
        paymentRequirements: requirements,
      }),
    );
  }
  return bodies;
}
