// SPDX-License-Identifier: Apache-2.0
//
// Free requests: what does it cost in processor time to pass one on, against nginx passing on the
// same requests to the same upstream at the same rate?

import { withCpu } from "./lib/cpu.mjs";
import { proxyParts, startNginx, staticLocation } from "./lib/nginx.mjs";
import { sampleAnswer } from "./lib/sample.mjs";
import { opening, startOneThreadGateway } from "./lib/started.mjs";
import { wrk } from "./lib/wrk.mjs";
import { paidRoute } from "../tests/lib/x402bin.mjs";

const CONNECTIONS = 32;
const RATE = 5000; // far below what either can do, so that both do the same work
const KEPT_RATE = 0.98;
const PATH = "/health";
const BODY = '{"status":"up","message":"a small answer, as most answers of an API are"}';

async function openBoth(started, ids) {
  const location = staticLocation({ status: 200, headers: [], body: BODY });
  const upstream = await started.add(startNginx({ location }));
  const servers = { nginx: await started.add(startNginx(proxyParts(upstream.url))) };
  if (ids.includes("ours")) {
    const routesOf = (world) => [paidRoute(world), { match: `GET ${PATH}`, free: true }];
    servers.ours = await startOneThreadGateway(started, { upstream: upstream.url, routesOf });
  }
  for (const id of ids) {
    const { status, body } = await sampleAnswer(`${servers[id].url}${PATH}`);
    if (status !== 200 || body !== BODY) throw new Error(`${id} answered ${status} ${body}`);
  }
  return servers;
}

function faultsOf({ perSecond, badStatus, socketErrors }) {
  const faults = [];
  if (badStatus > 0) faults.push(`${badStatus} answers of 400 and more`);
  if (socketErrors > 0) faults.push(`${socketErrors} socket errors`);
  if (perSecond < RATE * KEPT_RATE)
    faults.push(`${Math.round(perSecond)} of ${RATE} requests a second were answered`);
  return faults;
}

export const benchmark = {
  name: "proxy",
  title: "Processor time of a proxied free request",
  about:
    "Our gateway (`threads = 1`, `free = true`) and one nginx worker (kept upstream connections) " +
    `before the same upstream, a third nginx with a constant body of ${BODY.length} bytes; ` +
    `${RATE} requests a second over ${CONNECTIONS} connections. CPU is what the proxy's process ` +
    "used, as the scheduler counted it.",
  sides: [
    { id: "ours", label: "x402 gateway" },
    { id: "nginx", label: "nginx, proxy_pass" },
  ],
  figures: [
    { key: "cpuUs", label: "CPU µs per request" },
    { key: "perSecond", label: "requests/s" },
    { key: "p50Ms", label: "p50 ms" },
    { key: "p99Ms", label: "p99 ms" },
  ],
  ratios: [{ label: "CPU per request, ours : nginx", key: "cpuUs", peer: "nginx", atMost: 1.25 }],
  seconds: 8,
  warmUpSeconds: 1,

  open(ids) {
    return opening(async (started) => {
      const servers = await openBoth(started, ids);
      const load = (id, seconds) =>
        wrk(`${servers[id].url}${PATH}`, {
          script: "paced.lua",
          connections: CONNECTIONS,
          seconds,
          args: [RATE],
        });
      return {
        notes: [],
        close: () => started.stop(),
        async measure(id, seconds) {
          const { result, ms } = await withCpu(servers[id].pid, () => load(id, seconds));
          const cpuUs = (ms * 1000) / result.requests;
          return { ...result, cpuUs, faults: faultsOf(result) };
        },
      };
    });
  },
};
