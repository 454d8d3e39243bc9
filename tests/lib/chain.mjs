// SPDX-License-Identifier: Apache-2.0
//
// Reads the local chain for a test's last word: balances, transfers, blocks, receipts. What a
// role says about a payment is compared with what these functions find.

import { createPublicClient, defineChain, getAddress, http, parseAbi } from "viem";

const TOKEN_ABI = parseAbi([
  "function balanceOf(address) view returns (uint256)",
  "function authorizationState(address, bytes32) view returns (bool)",
  "event Transfer(address indexed from, address indexed to, uint256 value)",
  "event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce)",
]);
const [TRANSFER, AUTHORIZATION_USED] = TOKEN_ABI.filter(({ type }) => type === "event");

// viem's own chain list does not load with the `ox` that installs (see package.json), so the chain
// is defined here. The block time sets viem's polling interval to that of Base Sepolia, 1 s.
export function chainOf(rpc, id = 84532) {
  return defineChain({
    id,
    name: "local",
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [rpc] } },
    blockTime: 2000,
  });
}

function flatten({ args, blockNumber, transactionHash, logIndex }) {
  return { ...args, block: blockNumber, transaction: transactionHash, logIndex };
}

// world: anything with { rpc, usdc }, such as the ready line of devnet/start.mjs.
export class Chain {
  constructor({ rpc, usdc }) {
    this.usdc = usdc;
    this.client = createPublicClient({ chain: chainOf(rpc), transport: http(rpc), cacheTime: 0 });
  }

  // atomic units of the token, as bigint
  balanceOf(address, token = this.usdc) {
    return this.#read(token, "balanceOf", [address]);
  }

  // wei, as bigint
  etherOf(address) {
    return this.client.getBalance({ address });
  }

  isAuthorizationUsed(authorizer, nonce, token = this.usdc) {
    return this.#read(token, "authorizationState", [authorizer, nonce]);
  }

  // [{ from, to, value, block, transaction, logIndex }], oldest first; from and to narrow it.
  async transfers({ from, to, token = this.usdc, fromBlock = 0n, toBlock = "latest" } = {}) {
    const logs = await this.client.getLogs({
      address: token,
      event: TRANSFER,
      args: { from, to },
      fromBlock,
      toBlock,
      strict: true,
    });
    return logs.map(flatten);
  }

  // [{ authorizer, nonce, block, transaction, logIndex }]
  async authorizationsUsed({ authorizer, token = this.usdc, fromBlock = 0n } = {}) {
    const logs = await this.client.getLogs({
      address: token,
      event: AUTHORIZATION_USED,
      args: { authorizer },
      fromBlock,
      strict: true,
    });
    return logs.map(flatten);
  }

  blockNumber() {
    return this.client.getBlockNumber();
  }

  block(blockNumber, { full = false } = {}) {
    return this.client.getBlock({ blockNumber, includeTransactions: full });
  }

  // Full blocks first..last; the latest where last is absent.
  async blocks(first, last) {
    const end = last ?? (await this.blockNumber());
    const list = [];
    for (let number = first; number <= end; ++number)
      list.push(await this.block(number, { full: true }));
    return list;
  }

  // Every transaction an account has sent since a block: what a signer was made to pay for.
  async transactionsFrom(address, fromBlock = 1n) {
    const sender = getAddress(address);
    const blocks = await this.blocks(fromBlock);
    return blocks
      .flatMap(({ transactions }) => transactions)
      .filter(({ from }) => getAddress(from) === sender);
  }

  // null while the transaction is unknown or not mined
  async receipt(hash) {
    try {
      return await this.client.getTransactionReceipt({ hash });
    } catch (error) {
      if (error.name === "TransactionReceiptNotFoundError") return null;
      throw error;
    }
  }

  // The next nonce; "pending" counts what waits in the pool too.
  nonceOf(address, blockTag = "latest") {
    return this.client.getTransactionCount({ address, blockTag });
  }

  #read(address, functionName, args) {
    return this.client.readContract({ address, abi: TOKEN_ABI, functionName, args });
  }
}
