// SPDX-License-Identifier: Apache-2.0
// USDC's log order is AuthorizationUsed, then Transfer. So each use first takes the transfer that
// follows it before the next use; what is left is dealt out afterwards, for tokens that log the
// other way round.
#include "x402/chains/evm/exact/action.hpp"

#include <algorithm>
#include <iterator>
#include <map>

#include "x402/base/hex.hpp"
#include "x402/chains/evm/abi.hpp"
#include "x402/chains/evm/token.hpp"

namespace x402::evm {
namespace {

Result<Address> get_address(const json::Object& body, std::string_view key) {
    X402_TRY(const std::string text, json::get_string(body, key, "action"));
    return parse_wire_address(text);
}

json::Object write_log(const Log& log) {
    json::Array topics;
    for (const Hash32& topic : log.topics) topics.emplace_back(to_hex0x(topic.view()));
    json::Object out;
    out["address"] = to_lower(log.address);
    out["topics"] = std::move(topics);
    out["data"] = to_hex0x(log.data);
    out["index"] = static_cast<std::int64_t>(log.index);
    out["transaction"] = to_hex0x(log.transaction.view());
    return out;
}

Result<Log> read_log(const json::Object& object) {
    Log log;
    X402_TRY(log.address, get_address(object, "address"));
    X402_TRY(const json::Array topics, json::get_array(object, "topics", "log"));
    for (const json::Value& topic : topics) {
        const auto* text = topic.if_string();
        if (text == nullptr) return fail(Errc::invalid, "a topic is no text");
        X402_TRY(const Hash32 word,
                 fixed_from_hex0x<32>(std::string_view(text->data(), text->size())));
        log.topics.push_back(word);
    }
    X402_TRY(const std::string data, json::get_string(object, "data", "log"));
    X402_TRY(log.data, from_hex(data));
    X402_TRY(const std::int64_t index, json::get_int(object, "index", "log"));
    log.index = static_cast<std::uint64_t>(index);
    X402_TRY(const std::string transaction, json::get_string(object, "transaction", "log"));
    X402_TRY(log.transaction, fixed_from_hex0x<32>(transaction));
    return log;
}

bool is_any_use(const Log& log) {
    return !log.topics.empty() && log.topics[0] == authorization_used_topic();
}

// The first transfer of the action from `begin` on that is still free; with `until_use` only up to
// the next use.
std::optional<std::size_t> find_transfer(const TransferAction& action, std::span<const Log> logs,
                                         const std::vector<bool>& taken, std::size_t begin,
                                         bool until_use) {
    for (std::size_t i = begin; i < logs.size(); ++i) {
        if (until_use && is_any_use(logs[i])) return std::nullopt;
        if (!taken[i] && is_transfer_of(logs[i], action)) return i;
    }
    return std::nullopt;
}

// Where a token logs the transfer of a use: behind it, or in front of it.
enum class Layout { use_first, transfer_first };

bool is_use_by(const Log& log, const Address& payer) {
    return is_any_use(log) && log.topics.size() == 3 && log.topics[1] == word_of(payer);
}

bool is_transfer_from(const Log& log, const Address& payer) {
    return log.topics.size() == 3 && log.topics[0] == transfer_topic() &&
           log.topics[1] == word_of(payer);
}

// What of the payer's transfers stands between a use and the next one.
struct Moved {
    bool any = false;
    bool ours = false;  // one that could be the action's
};

Moved moved_beside(const TransferAction& action, std::span<const Log> logs, std::size_t use,
                   Layout layout) {
    Moved moved;
    const bool behind = layout == Layout::use_first;
    for (std::size_t i = use; behind ? i + 1 < logs.size() : i > 0;) {
        i = behind ? i + 1 : i - 1;
        if (is_any_use(logs[i])) break;
        moved.any = moved.any || is_transfer_from(logs[i], action.payer);
        moved.ours = moved.ours || is_transfer_of(logs[i], action);
    }
    return moved;
}

// Nothing: the receipt does not have this layout, because a use of the payer has no transfer there.
std::optional<bool> is_paid_under(const TransferAction& action, std::span<const Log> logs,
                                  Layout layout) {
    std::map<Hash32, Moved> uses;
    for (std::size_t i = 0; i < logs.size(); ++i) {
        if (!is_use_by(logs[i], action.payer)) continue;
        const Moved moved = moved_beside(action, logs, i, layout);
        Moved& use = uses[logs[i].topics[2]];
        use.any = use.any || moved.any;
        use.ours = use.ours || moved.ours;
    }
    for (const auto& [nonce, use] : uses) {
        if (!use.any) return std::nullopt;
    }
    return uses[action.nonce].ours;
}

}  // namespace

json::Object write(const TransferAction& action) {
    json::Object body;
    body["to"] = to_lower(action.token);
    body["data"] = to_hex0x(action.data);
    body["gasCap"] = static_cast<std::int64_t>(action.gas_cap);
    body["payer"] = to_lower(action.payer);
    body["token"] = to_lower(action.token);
    body["nonce"] = to_hex0x(action.nonce.view());
    body["value"] = action.value.to_decimal();
    body["payTo"] = to_lower(action.pay_to);
    body["share"] = action.share;
    return body;
}

Result<TransferAction> read_action(const json::Object& body) {
    TransferAction action;
    X402_TRY(action.token, get_address(body, "token"));
    X402_TRY(action.payer, get_address(body, "payer"));
    X402_TRY(action.pay_to, get_address(body, "payTo"));
    X402_TRY(const std::string data, json::get_string(body, "data", "action"));
    X402_TRY(action.data, from_hex(data));
    X402_TRY(const std::string value, json::get_string(body, "value", "action"));
    X402_TRY(action.value, U256::from_decimal(value));
    X402_TRY(const std::string nonce, json::get_string(body, "nonce", "action"));
    X402_TRY(action.nonce, fixed_from_hex0x<32>(nonce));
    X402_TRY(const std::int64_t cap, json::get_int(body, "gasCap", "action"));
    if (cap <= 0) return fail_field(Errc::invalid, "action.gasCap", "the gas cap is not positive");
    action.gas_cap = static_cast<std::uint64_t>(cap);
    X402_TRY(action.share, json::get_bool(body, "share", "action"));
    return action;
}

bool is_use_of(const Log& log, const TransferAction& action) {
    return log.address == action.token && log.topics.size() == 3 && is_any_use(log) &&
           log.topics[1] == word_of(action.payer) && log.topics[2] == action.nonce;
}

bool is_transfer_of(const Log& log, const TransferAction& action) {
    if (log.address != action.token || log.topics.size() != 3) return false;
    if (log.topics[0] != transfer_topic() || log.data.size() != 32) return false;
    return log.topics[1] == word_of(action.payer) && log.topics[2] == word_of(action.pay_to) &&
           Hash32::from(log.data) == word_of(action.value);
}

std::vector<TransferProof> cut_logs(std::span<const TransferAction> actions,
                                    std::span<const Log> logs) {
    std::vector<TransferProof> out(actions.size());
    std::vector<bool> taken(logs.size(), false);
    std::vector<std::optional<std::size_t>> used_at(actions.size());
    for (std::size_t a = 0; a < actions.size(); ++a) {
        for (std::size_t i = 0; i < logs.size(); ++i) {
            if (taken[i] || !is_use_of(logs[i], actions[a])) continue;
            taken[i] = true;
            used_at[a] = i;
            out[a].used = logs[i];
            break;
        }
    }
    for (const bool until_use : {true, false}) {
        for (std::size_t a = 0; a < actions.size(); ++a) {
            if (!used_at[a] || out[a].transfer) continue;
            const std::size_t begin = until_use ? *used_at[a] + 1 : 0;
            const auto found = find_transfer(actions[a], logs, taken, begin, until_use);
            if (!found) continue;
            taken[*found] = true;
            out[a].transfer = logs[*found];
        }
    }
    return out;
}

std::optional<bool> is_paid_by(const TransferAction& action, std::span<const Log> logs,
                               UseFirst use_first) {
    std::vector<Log> own;
    std::copy_if(logs.begin(), logs.end(), std::back_inserter(own),
                 [&](const Log& log) { return log.address == action.token; });
    bool used = false;
    bool moved = false;
    bool rivals = false;
    for (const Log& log : own) {
        const bool ours = is_use_of(log, action);
        used = used || ours;
        moved = moved || is_transfer_of(log, action);
        rivals = rivals || (!ours && is_use_by(log, action.payer));
    }
    if (!used || !moved) return false;
    if (!rivals) return true;
    const auto behind = is_paid_under(action, own, Layout::use_first);
    const auto before = is_paid_under(action, own, Layout::transfer_first);
    const bool disputed = behind && before && *behind != *before;
    if (disputed && use_first == UseFirst::unproven) return std::nullopt;
    return behind ? behind : before;
}

json::Object write(const TransferProof& proof) {
    json::Object body;
    if (proof.used) body["used"] = write_log(*proof.used);
    if (proof.transfer) body["transfer"] = write_log(*proof.transfer);
    return body;
}

Result<TransferProof> read_proof(const json::Object& body) {
    TransferProof proof;
    X402_TRY(const auto used, json::opt_object(body, "used", "part"));
    if (used) {
        X402_TRY(proof.used, read_log(*used));
    }
    X402_TRY(const auto transfer, json::opt_object(body, "transfer", "part"));
    if (transfer) {
        X402_TRY(proof.transfer, read_log(*transfer));
    }
    return proof;
}

}  // namespace x402::evm
