// SPDX-License-Identifier: Apache-2.0
// What a hostile server can answer: a 402 in header or body, and any answer to a paid request.
// Nothing may crash, and whatever is chosen must be within the limits.
#include <cstdint>
#include <cstdlib>

#include "x402/base/base64.hpp"
#include "x402/client/answer.hpp"
#include "x402/client/select.hpp"
#include "x402/client/testing/messages.hpp"
#include "x402/transports/http/payment_http.hpp"

namespace {

using namespace x402;

struct World {
    World() {
        if (!modules.add(std::make_unique<client::testing::ToyModule>())) std::abort();
        wallets.push_back(std::make_unique<client::testing::ToyWallet>());
    }
    Modules modules;
    client::Policy policy;
    std::vector<std::unique_ptr<Wallet>> wallets;
};

void choose(const World& world, const PaymentRequired& required) {
    const client::SelectInput input{.required = required,
                                    .modules = world.modules,
                                    .policy = world.policy,
                                    .wallets = world.wallets,
                                    .read_assets = {},
                                    .payees = {},
                                    .url = "https://a/"};
    const client::Selection selection = client::select(input);
    if (!selection.choice) return;
    const bool good = selection.choice->asset.usd &&
                      selection.choice->usd_micros <= world.policy.max_usd_micros &&
                      !selection.choice->requirements.amount.is_zero();
    if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const World world;
    if (size < 2) return 0;
    const std::string text(reinterpret_cast<const char*>(data) + 2, size - 2);
    net::ClientResponse response;
    response.status = 200 + data[1] * 2;
    const bool raw = (data[0] & 1U) != 0;
    const std::string value = raw ? text : base64_encode(as_bytes(text));
    if ((data[0] & 2U) != 0) response.headers.add("PAYMENT-REQUIRED", value);
    if ((data[0] & 4U) != 0) response.headers.add("PAYMENT-RESPONSE", value);
    if ((data[0] & 8U) != 0) response.headers.add("X-PAYMENT-RESPONSE", value);
    if ((data[0] & 16U) != 0) response.headers.add("Retry-After", text);
    response.body = text;
    const NetworkNames names = world.modules.names();
    const auto required = transports::read_required(response.headers, response.body, names);
    if (required) choose(world, *required);
    (void)client::read_answer(response, client::testing::chain("toy:main"), names, Instant{});
    (void)client::for_terminal(text);
    return 0;
}
