// SPDX-License-Identifier: Apache-2.0
// What the fetches of one client share, and what one fetch carries from step to step. Not for other
// rooms. One executor.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "x402/base/sync.hpp"
#include "x402/client/answer.hpp"
#include "x402/client/client.hpp"
#include "x402/client/lease_keeper.hpp"
#include "x402/net/ssrf_guard.hpp"

namespace x402::client {

struct Client::Core {
    ClientOptions options;
    NetworkNames names;
    bool history_read = false;
    std::vector<KnownPayee> payees;
    std::vector<std::string> paid_hosts;
    std::vector<AssetInfo> read_assets;
    // Payments of this client under way, by request: their leases are ours, not another process's.
    std::map<Hash32, std::size_t> under_way;
    // Requests whose earlier payment a fetch is finishing: its siblings wait for what comes of it.
    std::map<Hash32, std::size_t> finishing;
    Bell finished;

    Instant now() const { return options.env.clock.now(); }
};

// A record of the journal that is ours.
struct Held {
    std::int64_t id = 0;
    std::string owner;
    store::JournalState state = store::JournalState::signed_;
};

struct Run {
    Run(Client::Core& shared, const Request& asked, net::UrlParts parts)
        : core(shared), request(asked), url(std::move(parts)) {}

    Client::Core& core;
    const Request& request;
    net::UrlParts url;
    Hash32 fingerprint{};
    PayState state;

    std::optional<net::ClientResponse> answer;  // the last one
    PaymentRequired required;
    std::optional<Choice> choice;
    Payment payment;     // signed, or from the journal
    std::string header;  // its header's value, byte for byte
    PaymentFacts facts;
    std::optional<Held> held;
    std::unique_ptr<LeaseKeeper> keeper;
    std::vector<Held> parked;  // earlier records that stay as they are
    Duration started{0};
    bool finishing = false;  // the fingerprint stands in Core::finishing for this fetch
    PayResult result;
};

// Beside the word in a record whose answer is owed: whether the chain itself showed it.
inline constexpr std::string_view kShownByChain = "proven";

// Runs the machine from its present stage to `done`, and writes the end into the journal.
Task<void> drive(Run& run);
// The quote and choose stages, which also serve `Client::quote`.
Task<Event> ask(Run& run);
Task<Event> choose(Run& run, bool need_wallet, Selection& selection);
Task<Event> sign(Run& run);
Task<Event> record(Run& run);
Task<Event> send(Run& run, std::optional<Duration>& retry_after);
Task<Event> trace(Run& run);
Task<void> write_end(Run& run);
// Brings what is known by now into `run.result`; may be called again when more is known.
void complete(Run& run);

// What becomes of the request after earlier payments for it were looked at.
enum class EarlierEnd { pay, finished };
Task<EarlierEnd> finish_earlier(Run& run);
// What came of the earlier payment is known, or its record is free: siblings go on.
void end_finishing(Run& run);

std::string new_lease_owner(Random& random);

}  // namespace x402::client
