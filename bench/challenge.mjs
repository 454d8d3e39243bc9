// SPDX-License-Identifier: Apache-2.0
//
// Unpaid requests: how many 402 answers a second does our gateway give on one thread, each with a
// quote of its own, against one nginx worker that answers a constant of the same size?

import { withCpu } from "./lib/cpu.mjs";
import { staticLocation, startNginx } from "./lib/nginx.mjs";
import { sampleAnswer } from "./lib/sample.mjs";
import { opening, startOneThreadGateway } from "./lib/started.mjs";
import { wrk } from "./lib/wrk.mjs";
import { paidRoute } from "../tests/lib/x402bin.mjs";
import { encodeHeader, exactRequirements } from "../tests/lib/payments.mjs";
import { NETWORK, USDC, account } from "../tests/devnet/world.mjs";

const CONNECTIONS = 64;
const PATH = "/weather";
// What nginx writes itself, or what belongs to the connection.
const NOT_COPIED = new Set(["content-length", "content-type", "connection", "date", "keep-alive"]);

// What a 402 looks like where none of ours can be asked for one.
function inventedChallenge() {
  const requirements = exactRequirements(
    { network: NETWORK, usdc: USDC },
    { payTo: account("merchant").address },
  );
  const url = "http://gateway.test/weather";
  const resource = { url, description: "Weather report", mimeType: "application/json" };
  const required = { x402Version: 2, resource, accepts: [requirements] };
  const headers = [["PAYMENT-REQUIRED", encodeHeader(required)]];
  return { status: 402, headers, body: JSON.stringify(required), bytes: undefined };
}

async function openBoth(started, ids) {
  const urls = {};
  const pids = {};
  let challenge = inventedChallenge();
  if (ids.includes("ours")) {
    const upstream = "http://127.0.0.1:9"; // an unpaid request never reaches it
    const routesOf = (world) => [paidRoute(world, { match: `GET ${PATH}` })];
    const gateway = await startOneThreadGateway(started, { upstream, routesOf });
    urls.ours = `${gateway.url}${PATH}`;
    pids.ours = gateway.pid;
    challenge = await sampleAnswer(urls.ours);
  }
  const headers = challenge.headers.filter(([name]) => !NOT_COPIED.has(name.toLowerCase()));
  const location = staticLocation({ ...challenge, headers });
  const nginx = await started.add(startNginx({ location }));
  urls.nginx = `${nginx.url}${PATH}`;
  pids.nginx = nginx.pid;
  const { bytes } = await sampleAnswer(urls.nginx);
  return { urls, pids, notes: [sizeNote(challenge, bytes)] };
}

function sizeNote(challenge, nginxBytes) {
  const found = challenge.headers.find(([name]) => name.toLowerCase() === "payment-required");
  const ours = challenge.bytes === undefined ? "" : `ours ${challenge.bytes}, `;
  return (
    `Bytes of an answer: ${ours}nginx ${nginxBytes}; of these PAYMENT-REQUIRED ` +
    `${found?.[1].length ?? 0} and the body ${Buffer.byteLength(challenge.body)}.`
  );
}

function faultsOf({ requests, badStatus, socketErrors }) {
  const faults = [];
  if (badStatus !== requests) faults.push(`${requests - badStatus} answers were no 402`);
  if (socketErrors > 0) faults.push(`${socketErrors} socket errors`);
  return faults;
}

export const benchmark = {
  name: "402",
  title: "402 answers a second",
  about:
    "Our gateway (`threads = 1`, a paid route, no payment) and one nginx worker that returns a " +
    `constant 402 of the same size; wrk, ${CONNECTIONS} connections, one thread. Ours writes a ` +
    "fresh quote, with random bits and a MAC, into every answer. A server that was busy for much " +
    "less than 100 % of a core was waiting for wrk; then CPU per answer tells more than answers/s.",
  sides: [
    { id: "ours", label: "x402 gateway" },
    { id: "nginx", label: "nginx, static 402" },
  ],
  figures: [
    { key: "perSecond", label: "answers/s" },
    { key: "cpuUs", label: "CPU µs per answer" },
    { key: "busy", label: "busy %" },
    { key: "p50Ms", label: "p50 ms" },
    { key: "p99Ms", label: "p99 ms" },
  ],
  ratios: [
    { label: "answers/s, ours : nginx", key: "perSecond", peer: "nginx", atLeast: 1.0 },
    { label: "CPU per answer, ours : nginx", key: "cpuUs", peer: "nginx" },
  ],
  seconds: 8,
  warmUpSeconds: 1,

  open(ids) {
    return opening(async (started) => {
      const { urls, pids, notes } = await openBoth(started, ids);
      const load = (id, seconds) =>
        wrk(urls[id], { script: "plain.lua", connections: CONNECTIONS, seconds });
      return {
        notes,
        close: () => started.stop(),
        async measure(id, seconds) {
          const { result, ms } = await withCpu(pids[id], () => load(id, seconds));
          const cpuUs = (ms * 1000) / result.requests;
          const busy = ms / (result.seconds * 10);
          return { ...result, cpuUs, busy, faults: faultsOf(result) };
        },
      };
    });
  },
};
