// SPDX-License-Identifier: Apache-2.0
//
// Starts one nginx worker on loopback with a configuration of its own. It runs as a single process:
// the same event loop as a worker under a master, and nothing that could outlive the benchmark.

import { closeSync, mkdirSync, mkdtempSync, openSync, writeFileSync } from "node:fs";
import { createServer, connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT, newLogFile, spawnBound, stopChild, tailOf } from "../../tests/lib/proc.mjs";

const NGINX = "/usr/sbin/nginx";
const ATTEMPTS = 3; // another process may take the port between our choice and nginx's bind

function newFolder() {
  const parent = join(ROOT, "build/tmp");
  mkdirSync(parent, { recursive: true });
  return mkdtempSync(join(parent, "nginx-"));
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

// Temporary folders are ours, so that an ordinary user can run it. No access log, and connections
// that are never closed for having served many requests: what a load test is not about.
function configText(port, { upstream, location, connections = 4096 }) {
  return `daemon off;
master_process off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
worker_rlimit_nofile ${connections + 1000};
events { worker_connections ${connections}; }
http {
    access_log off;
    server_tokens off;
    default_type application/json;
    keepalive_requests 1000000000;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    ${upstream ?? ""}
    server {
        listen 127.0.0.1:${port};
        location / {
            ${location}
        }
    }
}
`;
}

async function tryStart(parts) {
  const dir = newFolder();
  const port = await freePort();
  writeFileSync(join(dir, "nginx.conf"), configText(port, parts));
  const log = newLogFile("nginx");
  const out = openSync(log, "w");
  const args = ["-e", "stderr", "-p", `${dir}/`, "-c", "nginx.conf"];
  const child = spawnBound(NGINX, args, { stdio: ["ignore", out, out] });
  closeSync(out);
  const deadline = performance.now() + 5000;
  while (!child.outcome && performance.now() < deadline) {
    if (await accepts(port)) return { child, port };
    await sleep(10);
  }
  await stopChild(child, { signal: "SIGKILL" });
  return { log };
}

// parts: location (the directives of `location /`), upstream (an upstream block, optional),
// connections (how many at most; 4096).
// Returns { url, pid, stop() }.
export async function startNginx(parts) {
  let log;
  for (let attempt = 0; attempt < ATTEMPTS; ++attempt) {
    const started = await tryStart(parts);
    if (started.child) {
      const { child, port } = started;
      return { url: `http://127.0.0.1:${port}`, pid: child.pid, stop: () => stopChild(child) };
    }
    log = started.log;
  }
  throw new Error(`nginx did not start\n${tailOf(log)}`);
}

// A text as one nginx parameter. A dollar sign would begin a variable and has no escape, so it is
// replaced by a letter: the size stays the same.
export function quoted(text) {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("$", "S")}"`;
}

// Answers everything with one status, the given headers ([name, value] pairs) and body.
export function staticLocation({ status, headers, body }) {
  const lines = headers.map(([name, value]) => `add_header ${name} ${quoted(value)} always;`);
  return [...lines, `return ${status} ${quoted(body)};`].join("\n            ");
}

// Passes everything on, over connections that are kept.
export function proxyParts(url) {
  return {
    upstream: `upstream api { server ${new URL(url).host}; keepalive 64; }`,
    location: `proxy_pass http://api;
            proxy_http_version 1.1;
            proxy_set_header Connection "";`,
  };
}
