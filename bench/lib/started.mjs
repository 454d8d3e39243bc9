// SPDX-License-Identifier: Apache-2.0
//
// What a benchmark has started, to be stopped in the opposite order, also when starting fails
// halfway.

import { startWorld } from "../../tests/devnet/world.mjs";
import { startFacilitator, startGateway } from "../../tests/lib/x402bin.mjs";

export class Started {
  #stack = [];

  // something: anything with stop(). Resolves with it.
  async add(something) {
    const value = await something;
    this.#stack.push(value);
    return value;
  }

  async stop() {
    while (this.#stack.length > 0) await this.#stack.pop().stop();
  }
}

// Calls open(started); what it started is stopped when it throws.
export async function opening(open) {
  const started = new Started();
  try {
    return await open(started);
  } catch (error) {
    await started.stop();
    throw error;
  }
}

// Our gateway on one thread, with the facilitator and the chain that it wants to reach before it
// is ready and that a benchmark of unpaid requests never asks.
export async function startOneThreadGateway(started, { upstream, routesOf }) {
  const world = await started.add(startWorld());
  const facilitator = await started.add(startFacilitator(world));
  const options = {
    upstream,
    facilitators: [facilitator.url],
    routes: routesOf(world),
    config: { threads: 1 },
  };
  return started.add(startGateway(world, options));
}
