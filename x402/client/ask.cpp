// SPDX-License-Identifier: Apache-2.0
// The first half of a request: asking without a payment, reading the 402, and choosing an offer.
// Nothing is signed here. One executor.
#include <algorithm>

#include "x402/client/core.hpp"
#include "x402/client/exchange.hpp"
#include "x402/client/fingerprint.hpp"
#include "x402/client/host_rules.hpp"
#include "x402/transports/http/payment_http.hpp"

namespace x402::client {
namespace {

constexpr std::size_t kHistory = 2000;
constexpr std::size_t kPayees = 10'000;

void remember_payee(Client::Core& core, KnownPayee payee) {
    const auto same = [&](const KnownPayee& each) {
        return each.url == payee.url && each.network == payee.network &&
               each.pay_to == payee.pay_to;
    };
    if (core.payees.size() >= kPayees) return;
    if (std::none_of(core.payees.begin(), core.payees.end(), same))
        core.payees.push_back(std::move(payee));
}

void remember_host(Client::Core& core, const std::string& host) {
    auto& hosts = core.paid_hosts;
    if (std::find(hosts.begin(), hosts.end(), host) == hosts.end()) hosts.push_back(host);
}

// Whom we paid, from the journal. A journal that cannot be read here cannot be written later
// either, and then nothing is paid.
Task<void> read_history(Client::Core& core) {
    if (core.history_read) co_return;
    const auto history = co_await core.options.journal.history(kHistory);
    // A sibling may have been quicker; without a history nothing is marked, and the next one tries
    // again.
    if (!history || core.history_read) co_return;
    core.history_read = true;
    for (const store::JournalEntry& entry : *history) {
        if (entry.state != store::JournalState::settled) continue;
        remember_payee(core, {entry.url, entry.network, entry.pay_to});
        if (const auto url = net::split_url(entry.url)) remember_host(core, url->host);
    }
}

Task<Result<AssetInfo>> read_asset(Run& run, const AssetId& id) {
    if (!run.core.options.open_chain) co_return fail(Errc::unsupported, "no network can be asked");
    X402_CO_TRY(const OpenedChain opened, run.core.options.open_chain(id.network));
    co_return co_await opened.chain->asset(id.reference);
}

Task<void> read_allowed_assets(Run& run) {
    const std::vector<AssetId> wanted =
        assets_to_read(run.required, run.core.options.modules, run.core.options.policy);
    for (const AssetId& id : wanted) {
        const auto known = [&](const AssetInfo& each) {
            return each.id.network == id.network && each.address == id.reference;
        };
        if (std::any_of(run.core.read_assets.begin(), run.core.read_assets.end(), known)) continue;
        auto info = co_await read_asset(run, id);
        if (info) {
            run.core.read_assets.push_back(std::move(*info));
        } else {
            run.result.notices.push_back("the token " + id.reference + " could not be read from " +
                                         id.network.text() + ": " + info.error().detail);
        }
    }
}

Event read_offers(Run& run, const Exchange& exchange) {
    auto required =
        transports::read_required(run.answer->headers, run.answer->body, run.core.names);
    if (!required) {
        const bool silent = required.error().code == Errc::not_found;
        run.result.error = pay_error(required.error());
        run.result.error->code = silent ? "not_x402" : "malformed_402";
        return Event::unusable_offer;
    }
    if (exchange.foreign) {
        run.result.error = pay_error(
            "redirected_402",
            "another host than the one you named asks for a payment: " + exchange.url.origin(),
            "ask that host yourself if you trust it");
        return Event::forbidden;
    }
    run.required = std::move(*required);
    return Event::offers;
}

}  // namespace

Task<Event> ask(Run& run) {
    Exchange got = co_await exchange(run.core, run.request, run.url, nullptr);
    if (!got.answer) {
        run.result.error = pay_error(got.answer.error());
        if (got.answer.error().code != Errc::refused) co_return Event::no_answer;
        run.result.error =
            pay_error("private_address", got.url.host + " is a private address, or a name for one",
                      "pass --allow-host " + got.url.host + " if you mean it");
        co_return Event::forbidden;
    }
    run.answer = std::move(*got.answer);
    if (run.answer->status != 402) co_return Event::answered;
    co_return read_offers(run, got);
}

Task<Event> choose(Run& run, bool need_wallet, Selection& selection) {
    Client::Core& core = run.core;
    co_await read_history(core);
    if (auto refusal = cannot_pay_host(core.options.policy, run.url, core.paid_hosts)) {
        selection.why = *refusal;
        run.result.error = std::move(refusal);
        co_return Event::not_chosen;
    }
    co_await read_allowed_assets(run);
    const std::string url = url_without_query(run.url);
    const SelectInput input{.required = run.required,
                            .modules = core.options.modules,
                            .policy = core.options.policy,
                            .wallets = core.options.wallets,
                            .read_assets = core.read_assets,
                            .payees = core.payees,
                            .url = url,
                            .need_wallet = need_wallet};
    selection = select(input);
    if (!selection.choice) {
        run.result.error = selection.why;
        co_return Event::not_chosen;
    }
    if (need_wallet && core.options.approve && !core.options.approve(*selection.choice, url)) {
        run.result.error = pay_error("not_approved", "the payment was not approved");
        co_return Event::not_chosen;
    }
    // From here on another recipient for the same request is a change.
    const PaymentRequirements& chosen = selection.choice->requirements;
    if (need_wallet) remember_payee(core, {url, chosen.network, chosen.pay_to});
    co_return Event::chosen;
}

}  // namespace x402::client
