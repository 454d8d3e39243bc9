// SPDX-License-Identifier: Apache-2.0
//
// One HTTP answer as it is on the wire, so that a peer can be made to send one of the same size.

import { request } from "node:http";

function wireBytes(answer, body) {
  const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`];
  for (let i = 0; i < answer.rawHeaders.length; i += 2)
    lines.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}`);
  return Buffer.byteLength(`${lines.join("\r\n")}\r\n\r\n`) + Buffer.byteLength(body);
}

function pairsOf(raw) {
  const pairs = [];
  for (let i = 0; i < raw.length; i += 2) pairs.push([raw[i], raw[i + 1]]);
  return pairs;
}

// Resolves with { status, headers: [[name, value]], body, bytes }: bytes of the whole answer. The
// connection is kept, as a load generator does, so that no header of closing comes along.
export function sampleAnswer(url) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers: { connection: "keep-alive" } }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        const body = Buffer.concat(chunks).toString("utf8");
        const { statusCode: status, rawHeaders } = answer;
        resolve({ status, headers: pairsOf(rawHeaders), body, bytes: wireBytes(answer, body) });
        asked.destroy();
      });
    });
    asked.on("error", reject);
    asked.end();
  });
}
