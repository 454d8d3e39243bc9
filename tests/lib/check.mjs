// SPDX-License-Identifier: Apache-2.0
//
// Assertions that node:assert lacks: waiting for something to become true, and money that must
// have moved by exactly one amount.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

// Calls probe() until it returns something truthy, which is returned. Never sleeps longer than
// needed, never waits for ever.
export async function eventually(
  probe,
  { deadlineMs = 10_000, everyMs = 50, what = "the condition" } = {},
) {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (performance.now() >= deadline)
      assert.fail(`${what} did not come true within ${deadlineMs} ms`);
    await sleep(everyMs);
  }
}

async function balances(chain, accounts) {
  const names = Object.keys(accounts);
  const amounts = await Promise.all(names.map((name) => chain.balanceOf(accounts[name].address)));
  return Object.fromEntries(names.map((name, i) => [name, amounts[i]]));
}

// Runs action() and asserts by how much each named account's token balance changed. accounts is
// name -> { address }; want is name -> bigint, and accounts it does not name must not change.
// Returns what action() returned.
export async function assertMoves(chain, accounts, want, action) {
  const before = await balances(chain, accounts);
  const result = await action();
  const after = await balances(chain, accounts);
  const moved = {};
  const expected = {};
  for (const name of Object.keys(accounts)) {
    moved[name] = after[name] - before[name];
    expected[name] = want[name] ?? 0n;
  }
  assert.deepEqual(moved, expected);
  return result;
}
