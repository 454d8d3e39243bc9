// SPDX-License-Identifier: Apache-2.0
//
// A list of GET requests, a fixed number of them at a time over kept connections.

import { Agent, request } from "node:http";

function get(agent, url, headers) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent, headers }, (answer) => {
      answer.resume();
      answer.on("error", reject);
      answer.on("end", () => resolve(answer.statusCode));
    });
    asked.on("error", reject);
    asked.end();
  });
}

// headers: one object for each request. Resolves with a Map from status (or what broke) to how
// often it came.
export async function callAll(url, headers, { inFlight }) {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const outcomes = new Map();
  let next = 0;
  const caller = async () => {
    while (next < headers.length) {
      const mine = headers[next++];
      const outcome = await get(agent, url, mine).catch(({ code }) => code);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  agent.destroy();
  return outcomes;
}
