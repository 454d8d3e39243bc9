// SPDX-License-Identifier: Apache-2.0
//
// A network may be written by its short name instead of its id, and means the same everywhere: its
// endpoints are asked, what must have an rpc has one, and twice the same network is told whichever
// names it has.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { House } from "../lib/house.mjs";
import { askFacilitator, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { toToml } from "../lib/toml.mjs";
import { payFor, rpcMethods, startRelay, startUpstream } from "../lib/wire.mjs";
import { facilitatorConfig, gatewayConfig, newFolder, startFacilitator, startGateway, x402 } from "../lib/x402bin.mjs";

const NAMES = ["base-sepolia", "Base Sepolia"];
const house = new House();
let world, upstream, facilitator;

before(async () => {
  world = await house.add(startWorld({ payers: 4, facilitators: 4 }));
  assert.equal(world.network, "eip155:84532", "the names below are this network's");
  upstream = await house.add(startUpstream((request, response) => response.end("SECRET")));
  facilitator = await house.add(startFacilitator(world, { network: { poll: "20ms" } }));
});

after(() => house.close());

async function check(role, config, env) {
  const dir = newFolder("aliases");
  const file = join(dir, `${role}.toml`);
  writeFileSync(file, toToml(config));
  const got = await x402([role, "--config", file, "--check"], { env, cwd: dir });
  return { code: got.code, said: `${got.stdout}${got.stderr}`.replaceAll(file, "FILE").replace(/FILE:\d+/g, "FILE:N") };
}

const called = (name, rpc) => ({ networks: { [name]: { rpc: [rpc] } } });
const proving = () => ({ facilitators: [{ url: facilitator.url, proof: "chain" }] });

for (const [i, name] of NAMES.entries()) {
  test(`a gateway asks the rpc of "${name}"`, async () => {
    const relay = await house.add(startRelay(world.rpc));
    const config = { ...proving(), ...called(name, relay.url) };
    const options = { upstream: upstream.url, facilitators: [facilitator.url] };
    const checked = await check("gateway", gatewayConfig(world, { ...options, config }).config);
    assert.equal(checked.code, 0, checked.said);
    const gateway = await house.add(startGateway(world, { ...options, config }));
    const { status, bytes } = await payFor(`${gateway.url}/weather`, world.payers[i]);
    assert.deepEqual([status, bytes.toString()], [200, "SECRET"]);
    const asked = relay.seen.flatMap(({ body: sent }) => rpcMethods(sent));
    assert.ok(asked.includes("eth_chainId"), "it was proven against its network");
    assert.ok(asked.includes("eth_getTransactionReceipt"), "and asked for the payment");
  });

  test(`a facilitator settles on "${name}"`, async () => {
    const own = facilitatorConfig(world, { signers: [world.facilitators[i + 1]] });
    const config = { networks: { [name]: own.config.networks[world.network] } };
    const options = { signers: [world.facilitators[i + 1]], config };
    const site = await house.add(startFacilitator(world, options));
    const terms = exactRequirements(world, { payTo: world.accounts.merchant.address });
    const { body } = await askFacilitator(site.url, "settle", await exactPayment(world.payers[i + 2], terms));
    assert.equal(body.success, true, JSON.stringify(body));
  });

  for (const role of ["gateway", "facilitator"]) {
    test(`${role}: the id and "${name}" are one network twice`, async () => {
      const made = role === "gateway"
        ? gatewayConfig(world, { upstream: upstream.url, facilitators: [facilitator.url] })
        : facilitatorConfig(world);
      const { config, env } = made;
      config.networks[name] = config.networks[world.network];
      assert.deepEqual(await check(role, config, env), {
        code: 2,
        said: `x402: FILE:N: networks.${name}: the network eip155:84532 is configured twice\n` +
          '  next: keep one of its tables, [networks."eip155:84532"]\n',
      });
    });
  }
}
