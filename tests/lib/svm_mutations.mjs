// SPDX-License-Identifier: Apache-2.0
//
// Transactions that want more of their fee payer, or pay something else, than was agreed. Each is a good
// payment with one change, and most would succeed on the chain if the fee payer signed them (lands).

import { SvmDesk, svmCode } from "./svm_kit.mjs";
import { ZERO_SIGNATURE, withSignature } from "./svm.mjs";
import { advanceNonce, approve, closeAccount, computeLimit, computePrice, createAccount, createTokenAccount, heapFrame,
  memo, setAuthority, svmAccount, systemTransfer, transferChecked, transferUnchecked } from "./svm_codec.mjs";

const FEE_PAYER = "payload_transaction_fee_payer_transferring_funds";
const NO_TRANSFER = "payload_no_transfer_instruction";
const FOURTH = "payload_unknown_fourth_instruction";
const SIGNERS = "payload_excessive_signers";
const SIGNATURE = "payload_signature_invalid";
const LIMIT = "payload_transaction_instructions_compute_limit_instruction";
const PRICE = "payload_transaction_instructions_compute_price_instruction";
const LENGTH = "payload_transaction_instructions_length";
const TABLES = "smart_wallet_alt_resolution_failed";
const OTHER_NONCE = "11111111111111111111111111111119"; // stands for a blockhash from long ago

// What the fee payer owns, what a stranger owns, tables and nonces: all that the mutations name.
export class Bait {
  static async lay(house, options) {
    const bait = new Bait();
    const desk = (bait.desk = await SvmDesk.open(house, options));
    const { world, signer } = desk;
    bait.feePayer = signer.address;
    bait.stranger = svmAccount("stranger");
    bait.payer = desk.payer();
    bait.other = await world.createMint({ name: "another dollar" });
    bait.feeTokens = await world.mint(bait.feePayer, 5_000_000n);
    bait.feeEmpty = await world.mint(bait.feePayer, 0n, bait.other);
    bait.feeDelegated = await world.mint(bait.feePayer, 5_000_000n, world.usdc,
      { account: svmAccount("delegated").address, delegate: bait.payer.address });
    bait.strangerTokens = await world.mint(bait.stranger.address, 5_000_000n);
    const side = { account: svmAccount("side account").address };
    bait.side = await world.mint(desk.merchant.address, 0n, world.usdc, side);
    bait.otherSource = await world.mint(bait.payer.address, 5_000_000n, bait.other);
    bait.otherDestination = await world.mint(desk.merchant.address, 0n, bait.other);
    bait.merchantTokens = await world.tokenAccountOf(desk.merchant.address);
    bait.nonce = await world.createNonce(bait.payer.address, OTHER_NONCE);
    bait.feeNonce = await world.createNonce(bait.feePayer, OTHER_NONCE, "nonce of the fee payer");
    return bait;
  }

  // The payment of a mutation.
  async payment({ options = {}, terms = {}, change }) {
    const { extra, ...rest } = terms;
    const requirements = { ...this.desk.terms, ...rest, extra: { ...this.desk.terms.extra, ...extra } };
    const payment = await this.desk.pay(this.payer, options, requirements);
    return change ? change(payment) : payment;
  }
}

const row = (name, code, options, more = {}) =>
  ({ name, code: [code].flat().map(svmCode), options, lands: true, ...more });
const after = (...list) => (parts) => [parts.limit, parts.price, parts.transfer, ...list];
const with4 = (...list) => ({ instructions: after(...list) });
const fails = { lands: false };

// Attack 18: the fee payer takes part in more than the fee.
export function feePayerMutations(bait) {
  const { feePayer, feeTokens, feeEmpty, feeDelegated, payer, stranger, nonce, feeNonce } = bait;
  const theft = systemTransfer({ from: feePayer, to: payer.address, lamports: 5_000_000n });
  const fresh = svmAccount("fresh account");
  const ownTokens = { source: feeTokens, authority: feePayer };
  return [
    row("System Transfer after the payment", FEE_PAYER, with4(theft)),
    row("System Transfer in the payment's place", NO_TRANSFER,
      { instructions: ({ limit, price, transfer }) => [limit, price, theft, transfer] }),
    row("System Transfer at the head", LIMIT,
      { instructions: ({ limit, price, transfer }) => [theft, limit, price, transfer] }),
    row("System Transfer behind a memo", [FEE_PAYER, "payload_unknown_fifth_instruction"], with4(memo("a"), theft)),
    row("Approve", FEE_PAYER,
      with4(approve({ source: feeTokens, delegate: payer.address, owner: feePayer, amount: 9 }))),
    row("CloseAccount", FEE_PAYER,
      with4(closeAccount({ account: feeEmpty, destination: payer.address, owner: feePayer }))),
    row("SetAuthority", FEE_PAYER, with4(setAuthority({ account: feeTokens, owner: feePayer, next: payer.address }))),
    row("CreateAccount", [FEE_PAYER, SIGNERS], { ...with4(createAccount({ from: feePayer, to: fresh.address,
      lamports: 5_000_000n })), signers: [fresh] }),
    row("the fee payer's own tokens as the payment", [FEE_PAYER, SIGNATURE], { transfer: ownTokens }),
    row("the fee payer's tokens that were delegated to the payer", FEE_PAYER, { transfer: { source: feeDelegated } }),
    row("the fee payer signs a memo", FEE_PAYER, with4(memo("I owe you", [feePayer]))),
    row("a second transfer, of the fee payer's tokens", FEE_PAYER, with4(transferChecked({ source: feeTokens,
      mint: bait.desk.world.usdc, destination: bait.strangerTokens, authority: feePayer, amount: 9n }))),
    row("a durable nonce at the head", "payload_durable_nonce", { blockhash: OTHER_NONCE, instructions: (parts) =>
      [advanceNonce({ nonce, authority: payer.address }), ...after(parts.memo)(parts)] }),
    row("a durable nonce of the fee payer's", ["payload_durable_nonce", FEE_PAYER], { blockhash: OTHER_NONCE,
      instructions: (parts) => [advanceNonce({ nonce: feeNonce, authority: feePayer }), ...after(parts.memo)(parts)] }),
    row("another signer, whose signature costs too", SIGNERS,
      { ...with4(memo("a", [stranger.address])), signers: [stranger] }),
    row("another fee payer in the transaction", "fee_payer_mismatch", { feePayer: payer.address }, fails),
    row("an offer with a fee payer who is not ours", "fee_payer_not_managed_by_facilitator", {},
      { ...fails, terms: { extra: { feePayer: stranger.address } } }),
    row("no signature of the payer", SIGNATURE, {}, { change: (payment) => withSignature(payment, ZERO_SIGNATURE, 1) }),
    row("a wrong signature of the payer", SIGNATURE, {},
      { change: (payment) => withSignature(payment, Buffer.alloc(64, 7), 1) }),
  ];
}

// Attack 18, behind lookup tables: what the signers saw and what the chain reads differ in nothing but
// that nobody can tell before the table is read.
export async function tableMutations(bait) {
  const { desk: { world }, merchantTokens, strangerTokens, feeDelegated, feePayer } = bait;
  const shown = svmAccount("shown").address;
  // options for a payment one of whose accounts stands in a table that holds another one on the chain
  const through = async (name, seen, real) =>
    ({ tables: { [await world.createLookupTable([real], name)]: [seen] } });
  const missing = svmAccount("missing table").address;
  const wallet = await world.fund(svmAccount("no table").address, 5_000_000);
  const short = await world.createLookupTable([strangerTokens], "short table");
  return [
    row("payTo's account in a table, where it is a stranger's", "payload_recipient_mismatch",
      await through("table 1", merchantTokens, strangerTokens)),
    row("the fee payer's tokens in a table", FEE_PAYER,
      { transfer: { source: shown }, ...(await through("table 2", shown, feeDelegated)) }),
    row("the fee payer itself in a table", [FEE_PAYER, FOURTH], { instructions: after({ ...memo("a"),
      accounts: [{ address: shown, role: 0 }] }), ...(await through("table 3", shown, feePayer)) }, fails),
    row("a table that does not exist", TABLES, { tables: { [missing]: [merchantTokens] } }, fails),
    row("a table that is none", TABLES, { tables: { [wallet]: [merchantTokens] } }, fails),
    row("a table that is too short", TABLES, { tables: { [short]: [strangerTokens, merchantTokens] } }, fails),
  ];
}

// Attack 19: what the payer lets the fee payer spend on priority.
export function computeMutations() {
  const high = (part) => `${part}_too_high`;
  return [
    row("two prices, the second one dear", NO_TRANSFER,
      { instructions: ({ limit, price, transfer }) => [limit, price, computePrice(5_000_000), transfer] }, fails),
    row("a second price after the payment", FOURTH, with4(computePrice(5_000_000)), fails),
    row("a second limit after the payment", FOURTH, with4(computeLimit(1_400_000)), fails),
    row("no limit", LIMIT, { instructions: ({ price, transfer, memo: note }) => [price, transfer, note] }),
    row("no price", PRICE, { instructions: ({ limit, transfer, memo: note }) => [limit, transfer, note] }),
    row("price before limit", LIMIT,
      { instructions: ({ limit, price, transfer, memo: note }) => [price, limit, transfer, note] }),
    row("a price above the cap", high(PRICE), { price: 5_000_001 }),
    row("the highest price there is", high(PRICE), { price: 2n ** 64n - 1n }, fails),
    row("a limit above the cap", high(LIMIT), { units: 400_001 }),
    row("a limit and a price that are dear only together", high(PRICE), { units: 400_000, price: 5_000_000 }),
    row("a larger heap", NO_TRANSFER,
      { instructions: ({ limit, price, transfer }) => [limit, price, heapFrame(256 * 1024), transfer] }),
    row("two instructions", LENGTH, { instructions: ({ limit, transfer }) => [limit, transfer] }),
    row("eight instructions", LENGTH, with4(...Array.from({ length: 5 }, (_, i) => memo(`${i}`)))),
  ];
}

// Attack 21: something else is paid than was asked for.
export function termsMutations(bait) {
  const { strangerTokens, side, other, payer } = bait;
  const sold = { terms: { extra: { memo: "order 7" } } };
  const memos = (...list) => with4(...list.map((text) => memo(text)));
  const WRONG_MEMO = "payload_memo_mismatch", MEMOS = "payload_memo_count";
  return [
    row("two matching transfers", FOURTH, { instructions: (parts) => after(parts.transfer)(parts) }),
    row("another transfer, to a stranger", FOURTH, { instructions: (parts) => after(transferChecked({ ...parts.details,
      destination: strangerTokens }))(parts) }),
    row("one unit too much", "payload_amount_mismatch", { transfer: { amount: 1001n } }),
    row("one unit too little", "payload_amount_mismatch", { transfer: { amount: 999n } }),
    row("nothing", "payload_amount_mismatch", { transfer: { amount: 0n } }),
    row("to a stranger", "payload_recipient_mismatch", { transfer: { destination: strangerTokens } }),
    row("to payTo's other account", "payload_recipient_mismatch", { transfer: { destination: side } }),
    row("another token", "payload_mint_mismatch", { transfer: { mint: other, source: bait.otherSource,
      destination: bait.otherDestination } }),
    row("other decimals", "payload_mint_mismatch", { transfer: { decimals: 9 } }, fails),
    row("an unchecked transfer", NO_TRANSFER, { instructions: ({ limit, price, details, memo: note }) =>
      [limit, price, transferUnchecked(details), note] }),
    row("the seller's memo is another one", WRONG_MEMO, memos("order 8"), sold),
    row("the seller's memo in capitals", WRONG_MEMO, memos("ORDER 7"), sold),
    row("the seller's memo and a space", WRONG_MEMO, memos("order 7 "), sold),
    row("the seller's memo is missing", MEMOS, memos(), sold),
    row("the seller's memo twice", MEMOS, memos("order 7", "order 7"), sold),
    row("the seller's memo and another one", MEMOS, memos("order 7", "order 8"), sold),
    row("money that comes straight back", "payload_recipient_mismatch", {}, { terms: { payTo: payer.address } }),
  ];
}

// Attack 20: accounts whose rent the fee payer would pay.
export async function rentMutations(bait) {
  const { desk: { world }, feePayer, payer } = bait;
  const owner = svmAccount("a recipient without an account").address;
  const account = await world.tokenAccountOf(owner);
  const create = (who) => createTokenAccount({ payer: who, account, owner, mint: world.usdc });
  const close = closeAccount({ account: bait.feeEmpty, destination: payer.address, owner: feePayer });
  const fresh = { terms: { payTo: owner } };
  const made = ({ limit, price, transfer }) => [limit, price, create(feePayer), transfer];
  return [
    row("creates payTo's account at the fee payer's cost", NO_TRANSFER, { instructions: made }, fresh),
    row("creates an account at the fee payer's cost after the payment", FEE_PAYER, with4(create(feePayer))),
    row("creates one and closes another in the same transaction", FEE_PAYER, with4(create(feePayer), close)),
    row("creates an account at the payer's own cost", FOURTH, with4(create(payer.address)), fails),
    row("payTo has no account", "recipient_token_account_missing", {}, { ...fresh, ...fails }),
    row("the facilitator pays itself", [FEE_PAYER, "payload_recipient_mismatch"], {}, { terms: { payTo: feePayer } }),
  ];
}
