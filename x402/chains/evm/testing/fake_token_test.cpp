// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/evm/testing/fake_token.hpp"

#include "x402/chains/evm/abi.hpp"
#include "x402/chains/evm/eip712.hpp"
#include "x402/chains/evm/signature.hpp"
#include "x402/chains/evm/token.hpp"
#include "x402/crypto/hash.hpp"

namespace x402::evm::testing {
namespace {

constexpr Selector kErrorString = 0x08c379a0;

Executed reverted(std::string_view text) {
    return {false, AbiWriter(kErrorString).text(text).finish(), 30'000};
}
Executed done(AbiWriter writer) {
    return {true, writer.finish(), 30'000};
}

bool accepts(const Execution& run, const Address& wallet, const Hash32& digest,
             ByteView signature) {
    const auto it = run.world.wallets.find(wallet);
    if (it == run.world.wallets.end()) return false;
    if (run.priced && run.world.wary.contains(wallet)) return false;
    const auto signer = recover_signer(digest, signature);
    return signer && *signer == it->second;
}

bool has_code(const FakeWorld& world, const Address& account) {
    return world.wallets.contains(account) || world.tokens.contains(account) ||
           world.code.contains(account);
}

std::uint64_t wallet_gas(const FakeWorld& world, const Address& account) {
    const auto it = world.wallet_gas.find(account);
    return it == world.wallet_gas.end() ? 0 : it->second;
}

void put_log(const Execution& run, const Address& token, std::vector<Hash32> topics, Bytes data) {
    if (run.logs == nullptr) return;
    Log log;
    log.address = token;
    log.topics = std::move(topics);
    log.data = std::move(data);
    log.index = run.logs->size();
    run.logs->push_back(std::move(log));
}

void move_money(const Execution& run, FakeToken& token, const Address& at,
                const Authorization& what) {
    const U256 fee = token.takes_fee ? U256(1) : U256(0);
    U256& from = token.balances[what.from];
    from = *from.checked_sub(what.value);
    U256& to = token.balances[what.to];
    to = *to.checked_add(*what.value.checked_sub(fee));
    const U256 received = *what.value.checked_sub(fee);
    put_log(run, at, {transfer_topic(), word_of(what.from), word_of(what.to)},
            to_bytes(word_of(received).view()));
}

std::optional<Authorization> read_authorization(const AbiReader& args) {
    Authorization out;
    const auto from = args.address(0);
    const auto to = args.address(1);
    const auto value = args.uint(2);
    const auto after = args.uint(3);
    const auto before = args.uint(4);
    const auto nonce = args.word(5);
    if (!from || !to || !value || !after || !before || !nonce) return std::nullopt;
    return Authorization{*from, *to, *value, *after, *before, *nonce};
}

Executed transfer(const Execution& run, const Address& at, const Authorization& what,
                  const Bytes& signature) {
    FakeToken& token = run.world.tokens[at];
    const U256 now(static_cast<std::uint64_t>(run.time_s));
    if (token.blocks) return reverted("Blacklistable: account is blacklisted");
    if (now <= what.valid_after) return reverted("FiatTokenV2: authorization is not yet valid");
    if (now >= what.valid_before) return reverted("FiatTokenV2: authorization is expired");
    if (!token.forgets && token.used.contains({what.from, what.nonce})) {
        return token.silent ? done(AbiWriter())
                            : reverted("FiatTokenV2: authorization is used or canceled");
    }
    const Domain domain{token.name, token.version, run.chain_id, at};
    const Hash32 digest = transfer_digest(domain_separator(domain), what);
    const auto signer = recover_signer(digest, signature);
    const bool valid = has_code(run.world, what.from) ? accepts(run, what.from, digest, signature)
                                                      : signer && *signer == what.from;
    if (!valid) return reverted("FiatTokenV2: invalid signature");
    if (token.balances[what.from] < what.value)
        return reverted("ERC20: transfer amount exceeds balance");
    token.used.insert({what.from, what.nonce});
    put_log(run, at, {authorization_used_topic(), word_of(what.from), what.nonce}, {});
    move_money(run, token, at, what);
    Executed out = done(AbiWriter());
    out.gas = token.greedy ? 900'000 : 73'200;
    out.gas += wallet_gas(run.world, what.from);
    return out;
}

Executed call_token(const Execution& run, const Address& at, Selector selector, ByteView data) {
    FakeToken& token = run.world.tokens[at];
    const AbiReader args(data);
    switch (selector) {
        case 0x70a08231:
            return done(AbiWriter().uint(token.balances[*args.address(0)]));
        case 0x313ce567:
            return done(AbiWriter().uint(token.decimals));
        case 0x95d89b41:
            return done(AbiWriter().text("TKN"));
        case 0x3644e515: {
            if (!token.tells_domain) return reverted("");
            return done(
                AbiWriter().word(domain_separator({token.name, token.version, run.chain_id, at})));
        }
        case 0x06fdde03:
            return token.tells_domain ? done(AbiWriter().text(token.name)) : reverted("");
        case 0x54fd4d50:
            return token.tells_domain ? done(AbiWriter().text(token.version)) : reverted("");
        default:
            break;
    }
    if (!token.eip3009) return reverted("");
    if (selector == 0xe94a0102) {
        return done(AbiWriter().boolean(token.used.contains({*args.address(0), *args.word(1)})));
    }
    const auto what = read_authorization(args);
    if (!what) return reverted("");
    if (selector == 0xcf092995) return transfer(run, at, *what, *args.bytes(6));
    if (selector != 0xe3ee160e) return reverted("");
    Bytes signature = to_bytes(args.word(7)->view());
    append(signature, args.word(8)->view());
    signature.push_back(args.word(6)->data[31]);
    return transfer(run, at, *what, signature);
}

Bytes encode_results(const std::vector<Executed>& results) {
    AbiWriter tuples;
    for (const Executed& result : results) {
        tuples.dynamic(AbiWriter().boolean(result.ok).bytes(result.data).finish());
    }
    Bytes array = to_bytes(word_of(U256(results.size())).view());
    append(array, tuples.finish());
    return AbiWriter().dynamic(std::move(array)).finish();
}

Executed call_multicall(const Execution& run, ByteView data) {
    const AbiReader array = *AbiReader(data).at(0);
    const std::size_t count = *array.count(0, 1'000);
    const AbiReader tuples = *array.from(1);
    std::vector<Executed> results;
    std::uint64_t gas = 30'000;
    for (std::size_t i = 0; i < count; ++i) {
        const AbiReader tuple = *tuples.at(i);
        const FakeWorld before = run.world;
        Executed result = execute_call(run, *tuple.address(0), *tuple.bytes(2));
        if (!result.ok) run.world = before;
        gas += result.gas;
        results.push_back(std::move(result));
    }
    return {true, encode_results(results), gas};
}

}  // namespace

Executed execute_call(const Execution& run, const Address& to, ByteView data) {
    if (!has_code(run.world, to)) return {true, {}, 21'000};
    if (data.size() < 4) return reverted("");
    Selector selector = 0;
    for (std::size_t i = 0; i < 4; ++i) selector = selector << 8 | data[i];
    const ByteView arguments = data.subspan(4);
    if (to == multicall_address() && selector == 0x82ad56cb) return call_multicall(run, arguments);
    if (run.world.tokens.contains(to)) return call_token(run, to, selector, arguments);
    if (selector != 0x1626ba7e) return reverted("");
    const AbiReader args(arguments);
    Hash32 magic;
    magic.data = {0xff, 0xff, 0xff, 0xff};
    if (accepts(run, to, *args.word(0), *args.bytes(1))) magic.data = {0x16, 0x26, 0xba, 0x7e};
    Executed out = done(AbiWriter().word(magic));
    out.gas += wallet_gas(run.world, to);
    return out;
}

}  // namespace x402::evm::testing
