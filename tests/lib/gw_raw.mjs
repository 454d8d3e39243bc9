// SPDX-License-Identifier: Apache-2.0
//
// Bytes behind a gateway: an upstream that writes down what arrives on each connection, a strict reader
// of it that says whether another reader could see other requests, and an upstream that is as forgiving
// about paths and methods as the worst framework.

import { connect, createServer } from "node:net";

// An upstream on plain sockets that answers each head with SECRET. Returns { url, streams(), stop }:
// what came on each connection since the last call of streams().
export async function startRecorder() {
  let connections = [];
  const sockets = new Set();
  const server = createServer((socket) => {
    const record = { chunks: [] };
    connections.push(record);
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    let timer;
    socket.on("data", (chunk) => {
      record.chunks.push(chunk);
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (!socket.destroyed)
          socket.end("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nSECRET");
      }, 30);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const streams = () => {
    const texts = connections.map(({ chunks }) => Buffer.concat(chunks).toString("latin1")).filter(Boolean);
    connections = [];
    return texts;
  };
  const stop = () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${server.address().port}`, streams, stop };
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

function readHead(text) {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) throw new Error(`an unfinished head: ${JSON.stringify(text.slice(0, 80))}`);
  const [line, ...fields] = text.slice(0, end).split("\r\n");
  if (/[\r\n\0]/.test(text.slice(0, end).replaceAll("\r\n", ""))) throw new Error("a bare CR, LF or NUL in a head");
  if (!/^[A-Z]+ \/[\x21-\x7e]* HTTP\/1\.1$/.test(line)) throw new Error(`a request line: ${JSON.stringify(line)}`);
  const headers = fields.map((field) => {
    const colon = field.indexOf(":");
    const name = field.slice(0, colon);
    if (!TOKEN.test(name)) throw new Error(`a header name: ${JSON.stringify(field)}`);
    return [name.toLowerCase(), field.slice(colon + 1).trim()];
  });
  return { line, headers, rest: text.slice(end + 4) };
}

function takeChunked(rest) {
  let body = "";
  for (;;) {
    const match = /^([0-9a-fA-F]+)\r\n/.exec(rest);
    if (!match) throw new Error(`a chunk: ${JSON.stringify(rest.slice(0, 40))}`);
    const size = Number.parseInt(match[1], 16);
    rest = rest.slice(match[0].length);
    body += rest.slice(0, size);
    if (rest.slice(size, size + 2) !== "\r\n") throw new Error("a chunk without its end");
    rest = rest.slice(size + 2);
    if (size === 0) return { body, rest };
  }
}

// The requests of a stream, as the only reader that does not guess: [{ line, headers, body }]. Throws
// where two readers could disagree. cut: the last body may have been given up in the middle.
export function readStrictly(stream, { cut = false } = {}) {
  const requests = [];
  let text = stream;
  while (text !== "") {
    const { line, headers, rest } = readHead(text);
    const all = (name) => headers.filter(([each]) => each === name).map(([, value]) => value);
    const [lengths, encodings] = [all("content-length"), all("transfer-encoding")];
    if (lengths.length + encodings.length > 1) throw new Error(`two framings: ${line}`);
    if (all("host").length !== 1) throw new Error("not one Host");
    let taken = { body: "", rest };
    if (encodings.length === 1) {
      if (encodings[0] !== "chunked") throw new Error(`an encoding: ${encodings[0]}`);
      try {
        taken = takeChunked(rest);
      } catch (error) {
        if (!cut) throw error;
        taken = { body: rest, rest: "" };
      }
    } else if (lengths.length === 1) {
      if (!/^(0|[1-9]\d*)$/.test(lengths[0])) throw new Error(`a length: ${lengths[0]}`);
      taken = { body: rest.slice(0, Number(lengths[0])), rest: rest.slice(Number(lengths[0])) };
    }
    requests.push({ line, headers, body: taken.body });
    text = taken.rest;
  }
  return requests;
}

// What a very forgiving upstream takes a request for, as "METHOD /path".
export function forgivingly({ method, url, headers }) {
  const get = (...names) => names.map((name) => headers[name] ?? headers[name.replaceAll("-", "_")]).find(Boolean);
  const verb = get("x-http-method-override", "x-http-method", "x-method-override", "x-original-method") ?? method;
  let path = get("x-original-url", "x-rewrite-url", "x-original-uri", "x-forwarded-uri") ?? url;
  for (let i = 0; i < 8; ++i) {
    path = path.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
    path = path.replace(/^[a-z]+:\/\/[^/]*/i, "").replaceAll("\\", "/").replace(/[?#\0\r\n].*$/s, "");
  }
  path = Buffer.from(path, "latin1").toString("utf8").toUpperCase().toLowerCase();
  const segments = [];
  for (const raw of path.split("/")) {
    const segment = raw.replace(/;.*$/s, "").trim();
    if (segment === "" || segment === ".") continue;
    if (segment === "..") segments.pop();
    else segments.push(segment);
  }
  return `${verb.toUpperCase()} /${segments.join("/")}`;
}

// Opens a connection and leaves it to the caller: { socket, text(), closed }.
export function openWire(url, { highWaterMark } = {}) {
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, highWaterMark });
  const chunks = [];
  const wire = { socket, isClosed: false, text: () => Buffer.concat(chunks).toString("latin1") };
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => {});
  wire.closed = new Promise((resolve) => socket.on("close", () => {
    wire.isClosed = true;
    resolve();
  }));
  return wire;
}
