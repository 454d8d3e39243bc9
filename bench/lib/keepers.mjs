// SPDX-License-Identifier: Apache-2.0
//
// Clients that ask once and then keep their connection without a word.

import { connect } from "node:net";

const AT_A_TIME = 200; // connections that are being opened

// Resolves with { socket, status } when the whole answer is there: its head tells its length.
function askOnce({ host, port, path }, deadlineMs) {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host);
    const timer = setTimeout(() => socket.destroy(new Error("no answer")), deadlineMs);
    let text = "";
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed before the answer was whole")));
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end));
      if (end < 0 || !length || text.length < end + 4 + Number(length[1])) return;
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on("error", () => {});
      resolve({ socket, status: Number(text.slice(9, 12)) });
    });
    socket.once("connect", () => socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`));
  });
}

// Opens `count` connections to a URL, each of which gets one answer. Resolves with
// { open, statuses, close() }: open counts the connections that the server has kept until now,
// statuses is a Map from status to how often it came.
export async function keepConnections(url, count, { deadlineMs = 30_000 } = {}) {
  const { hostname, port, pathname } = new URL(url);
  const to = { host: hostname, port, path: pathname };
  const sockets = [];
  const statuses = new Map();
  let begun = 0;
  const opener = async () => {
    while (begun < count) {
      begun += 1;
      const { socket, status } = await askOnce(to, deadlineMs);
      sockets.push(socket);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const close = () => sockets.forEach((socket) => socket.destroy());
  try {
    await Promise.all(Array.from({ length: Math.min(AT_A_TIME, count) }, opener));
  } catch (error) {
    close();
    throw error;
  }
  return {
    statuses,
    close,
    get open() {
      return sockets.filter((socket) => !socket.destroyed && !socket.readableEnded).length;
    },
  };
}
