// SPDX-License-Identifier: Apache-2.0
//
// What the reference roles share: listen on PORT (0: any), say so in one line, end on SIGTERM; and how
// they are told of their chains.

export function serve(app) {
  const server = app.listen(Number(process.env.PORT ?? 0), "127.0.0.1", (error) => {
    if (error) throw error;
    console.log(JSON.stringify({ ready: true, url: `http://127.0.0.1:${server.address().port}` }));
  });
  process.on("SIGTERM", () => process.exit(0));
}

// The lists of the environment as one object for each chain.
export function chainsOf({ NETWORK = "eip155:84532", RPC = "", KEY = "", PAY_TO = "" }) {
  const [rpcs, keys, payees] = [RPC, KEY, PAY_TO].map((list) => list.split(","));
  return NETWORK.split(",").map((network, i) => ({ network, rpc: rpcs[i], key: keys[i], payTo: payees[i] }));
}
