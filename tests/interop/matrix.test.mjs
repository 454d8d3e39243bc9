// SPDX-License-Identifier: Apache-2.0
//
// Our roles and the reference's in every combination, exact by EIP-3009 on an EVM chain.

import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { defineCells } from "./cells.mjs";

defineCells({
  async open(house) {
    const world = await house.add(startWorld({ facilitators: 4 }));
    return { world, chain: new Chain(world) };
  },
  sameAddress: (a, b) => a.toLowerCase() === b.toLowerCase(),
});
