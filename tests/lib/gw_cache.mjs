// SPDX-License-Identifier: Apache-2.0
//
// Shared caches in front of a gateway: a small one that obeys Cache-Control and Vary as RFC 9111 asks and
// keeps whatever it may, and nginx with a cache that stores as much as its words allow.

import { createServer, request as httpRequest } from "node:http";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./check.mjs";
import { spawnBound, stopChild } from "./proc.mjs";
import { wireRequest } from "./wire.mjs";

// "public, max-age=60, private="a, b"" as a map, quoted commas kept together.
function directives(value = "") {
  const list = value.match(/[^\s,=]+(?:\s*=\s*(?:"[^"]*"|[^\s,]+))?/g) ?? [];
  return new Map(list.map((each) => {
    const [name, ...rest] = each.split("=");
    return [name.trim().toLowerCase(), rest.join("=").trim().replaceAll('"', "")];
  }));
}

// RFC 9111 section 3, of a shared cache that would rather keep than ask: without a word it keeps by
// its own judgement, and a qualified private or no-cache forbids only the headers it names.
function freshSeconds(status, headers) {
  const said = directives(headers["cache-control"]);
  if (said.has("no-store") || said.get("private") === "" || said.get("no-cache") === "") return 0;
  if (said.has("s-maxage")) return Number(said.get("s-maxage"));
  if (said.has("max-age")) return Number(said.get("max-age"));
  if (headers.expires) return (Date.parse(headers.expires) - Date.now()) / 1000;
  return [200, 203, 204, 300, 301, 404, 410].includes(status) ? 60 : 0;
}

const varies = (headers) => (headers.vary ?? "").split(",").map((name) => name.trim().toLowerCase()).filter(Boolean);

function ask(target, { method, url, headers }) {
  const { hostname, port } = new URL(target);
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: hostname, port, method, path: url, headers, agent: false }, async (answer) => {
      const chunks = [];
      for await (const chunk of answer) chunks.push(chunk);
      resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) });
    });
    request.on("error", reject);
    request.end();
  });
}

// Returns { url, hits(), stop }.
export async function startTinyCache(target) {
  const kept = new Map(); // URL -> [{ vary, asked, answer, until }]
  let hits = 0;
  const server = createServer(async (request, response) => {
    try {
      const answer = await lookUp(request);
      const { connection, "transfer-encoding": chunked, ...headers } = answer.headers;
      response.writeHead(answer.status, { ...headers, "content-length": answer.body.length });
      response.end(request.method === "HEAD" ? undefined : answer.body);
    } catch {
      response.destroy();
    }
  });
  async function lookUp(request) {
    const isGet = request.method === "GET" || request.method === "HEAD";
    const found = isGet && (kept.get(request.url) ?? []).find(({ vary, asked, until }) =>
      until > Date.now() && !vary.includes("*") && vary.every((name) => asked[name] === request.headers[name]));
    if (found) {
      hits += 1;
      return found.answer;
    }
    const answer = await ask(target, request);
    const seconds = request.method === "GET" ? freshSeconds(answer.status, answer.headers) : 0;
    if (seconds > 0) {
      const entry = { vary: varies(answer.headers), asked: request.headers, answer,
        until: Date.now() + seconds * 1000 };
      kept.set(request.url, [...(kept.get(request.url) ?? []), entry]);
    }
    return answer;
  }
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${server.address().port}`, hits: () => hits, stop };
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

// nginx as a cache; it obeys Cache-Control, Vary and X-Accel-Expires of what is behind it, and keeps
// what says nothing for a minute. Returns { url, stop }. dir: a folder of its own.
export async function startNginxCache(target, dir, nginx = "/usr/sbin/nginx") {
  const port = await freePort();
  mkdirSync(join(dir, "cache"), { recursive: true });
  const path = (name) => join(dir, name);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) =>
    `${name}_temp_path ${path(name)};`);
  writeFileSync(path("nginx.conf"), `
daemon off; worker_processes 1; pid ${path("nginx.pid")}; error_log ${path("error.log")};
events { worker_connections 64; }
http {
  access_log off; ${temporary.join(" ")}
  proxy_cache_path ${path("cache")} keys_zone=all:1m use_temp_path=off;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${target}; proxy_http_version 1.1; proxy_cache all; proxy_cache_valid any 1m;
      proxy_cache_key $request_uri; add_header X-Cache $upstream_cache_status always;
    }
  }
}
`);
  const user = process.getuid() === 0 ? ["-g", "user root;"] : [];
  const child = spawnBound(nginx, ["-p", dir, "-e", path("error.log"), "-c", path("nginx.conf"), ...user], {
    stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  const stop = () => stopChild(child);
  await eventually(() => wireRequest(url, { agent: false }).then(() => true, () => {
    if (child.outcome) throw new Error(`nginx ended, see ${path("error.log")}`);
  }), { what: "nginx" });
  return { url, stop };
}
