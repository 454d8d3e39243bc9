// SPDX-License-Identifier: Apache-2.0
//
// Kept connections: how much memory does a server hold for 10,000 clients who have asked once and
// then say nothing?

import { keepConnections } from "./lib/keepers.mjs";
import { residentBytes } from "./lib/memory.mjs";
import { startNginx, staticLocation } from "./lib/nginx.mjs";
import { opening, startOneThreadGateway } from "./lib/started.mjs";
import { paidRoute } from "../tests/lib/x402bin.mjs";

const CONNECTIONS = 10_000;
const MOST_MIB = 200;
const PATH = "/weather";
const MIB = 1024 * 1024;

async function startSide(id, started) {
  if (id === "nginx") {
    const location = staticLocation({ status: 402, headers: [], body: "x".repeat(436) });
    return started.add(startNginx({ location, connections: CONNECTIONS + 1000 }));
  }
  const upstream = "http://127.0.0.1:9"; // an unpaid request never reaches it
  const routesOf = (world) => [paidRoute(world, { match: `GET ${PATH}` })];
  return startOneThreadGateway(started, { upstream, routesOf });
}

function faultsOf(kept) {
  const faults = [];
  if (kept.open < CONNECTIONS) faults.push(`${CONNECTIONS - kept.open} connections were closed`);
  for (const [status, count] of kept.statuses)
    if (status !== 402) faults.push(`${count} answers were ${status}`);
  return faults;
}

// A server of its own for every measurement: memory that was once used is not given back.
async function measure(id) {
  return opening(async (started) => {
    const server = await startSide(id, started);
    const before = residentBytes(server.pid);
    const kept = await keepConnections(`${server.url}${PATH}`, CONNECTIONS);
    try {
      const resident = residentBytes(server.pid);
      return {
        emptyMib: before / MIB,
        residentMib: resident / MIB,
        eachKib: (resident - before) / 1024 / CONNECTIONS,
        faults: faultsOf(kept),
      };
    } finally {
      kept.close();
      await started.stop();
    }
  });
}

export const benchmark = {
  name: "idle",
  title: "Memory of 10,000 kept connections",
  about:
    `${CONNECTIONS.toLocaleString("en-US")} clients each ask once, are answered 402, and keep ` +
    "their connection; then the resident memory of the server is read. Our gateway with " +
    "`threads = 1` and one nginx worker, both freshly started for every measurement. Memory of " +
    "the kernel (sockets) is no part of it.",
  sides: [
    { id: "ours", label: "x402 gateway" },
    { id: "nginx", label: "nginx, static 402" },
  ],
  figures: [
    { key: "residentMib", label: "resident MiB" },
    { key: "emptyMib", label: "before, MiB" },
    { key: "eachKib", label: "KiB per connection" },
  ],
  ratios: [{ label: "resident, ours : nginx", key: "residentMib", peer: "nginx" }],
  aims: [{ label: "resident MiB", key: "residentMib", of: "max", atMost: MOST_MIB }],
  seconds: 1,
  isTimed: false,
  warmUpSeconds: 0,

  open: async () => ({ notes: [], close: async () => {}, measure }),
};
