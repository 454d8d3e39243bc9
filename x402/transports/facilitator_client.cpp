// SPDX-License-Identifier: Apache-2.0
#include "x402/transports/facilitator_client.hpp"

#include <algorithm>

#include "x402/base/limits.hpp"
#include "x402/base/version.hpp"
#include "x402/net/ssrf_guard.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/transports/facilitator_answer.hpp"
#include "x402/transports/http/retry_after.hpp"

namespace x402::transports {
namespace {

using namespace std::chrono_literals;

constexpr int kSupportedTries = 3;
constexpr Duration kFirstPause = 1s;
constexpr Duration kLongestPause = 30s;
constexpr Duration kPollSlack = 10s;  // an answer to a long poll may come a little after its wait
constexpr std::size_t kIdempotencyKeyMax = 255;

std::string without_trailing_slashes(std::string url) {
    while (url.ends_with('/')) url.pop_back();
    return url;
}

// Whatever is not unreserved (RFC 3986 2.3) is escaped: a key must not become a path of its own.
std::string escaped(std::string_view text) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            out += c;
        } else {
            out += '%';
            out += kDigits[byte >> 4];
            out += kDigits[byte & 15];
        }
    }
    return out;
}

Result<void> check_idempotency_key(std::string_view key) {
    const bool visible =
        std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (visible && key.size() <= kIdempotencyKeyMax) return {};
    return fail_field(Errc::invalid, "idempotency_key",
                      "must be at most 255 visible ASCII characters");
}

// A request of version 1 that was made here is spelled with the short names first.
Result<std::string> body_of(const FacilitatorRequest& request, const NetworkNames& names) {
    const bool complete = !request.payload.text.empty() && !request.requirements_text.empty();
    if (request.version == kVersion2 || complete) return write_facilitator_request(request);
    FacilitatorRequest spelled = request;
    if (spelled.payload.text.empty()) {
        X402_TRY(const json::Object payload, write_payment_payload_v1(request.payload, names));
        spelled.payload.text = json::dump(payload);
    }
    if (spelled.requirements_text.empty()) {
        const ResourceInfo resource = request.payload.resource.value_or(ResourceInfo{});
        X402_TRY(const json::Object terms,
                 write_requirements_v1(request.requirements, resource, names));
        spelled.requirements_text = json::dump(terms);
    }
    return write_facilitator_request(spelled);
}

class FacilitatorClient final : public FacilitatorApi {
public:
    FacilitatorClient(FacilitatorClientOptions options, net::HttpClient& http, Env env,
                      NetworkNames names)
        : options_(std::move(options)), http_(http), env_(env), names_(std::move(names)) {
        options_.url = without_trailing_slashes(std::move(options_.url));
    }

    const std::string& name() const noexcept override { return options_.url; }

    Task<Result<VerifyResponse>> verify(const FacilitatorRequest& request) override {
        const std::string no_key;
        X402_CO_TRY(net::ClientRequest post, post_of("/verify", request, no_key));
        const auto answer = co_await http_.fetch(std::move(post));
        if (!answer) co_return fail(error_of_exchange(answer.error()));
        co_return judge_verify(*answer);
    }

    Task<Result<SettleResponse>> settle(const FacilitatorRequest& request,
                                        const SettleContext& context) override {
        X402_CO_TRY(net::ClientRequest post, post_of("/settle", request, context.idempotency_key));
        const ChainId asked = request.requirements.network;
        const auto answer = co_await http_.fetch(std::move(post));
        if (!answer) co_return fail(error_of_exchange(answer.error()));
        co_return judge_settle(*answer, asked, names_);
    }

    Task<Result<Supported>> supported() override {
        for (int attempt = 0;; ++attempt) {
            net::ClientRequest get = request_of("GET", "/supported");
            const auto answer = co_await http_.fetch(std::move(get));
            if (!answer) co_return fail(error_of_exchange(answer.error()));
            if (answer->status != 429 || attempt + 1 == kSupportedTries)
                co_return supported_of(*answer);
            const Duration pause = pause_after(*answer, attempt);
            const bool slept = co_await env_.clock.sleep(pause);
            if (!slept) co_return fail(Errc::cancelled, "the wait for /supported was cancelled");
        }
    }

    Task<Result<std::optional<SettlementStatus>>> settlement(const PaymentKey& key,
                                                             Duration wait) override {
        const PaymentKey asked = key;
        const Duration patience = std::clamp<Duration>(wait, Duration::zero(), options_.timeout);
        const auto seconds = std::chrono::floor<std::chrono::seconds>(patience).count();
        std::string path = "/settlements/" + escaped(asked.value());
        if (seconds > 0) path += "?wait=" + std::to_string(seconds);
        net::ClientRequest get = request_of("GET", path);
        get.timeout = patience + kPollSlack;
        const auto answer = co_await http_.fetch(std::move(get));
        if (!answer) co_return fail(error_of_exchange(answer.error()));
        co_return judge_settlement(*answer, asked);
    }

private:
    bool serves(const ChainId& network) const {
        return options_.networks.empty() ||
               std::any_of(options_.networks.begin(), options_.networks.end(),
                           [&](const ChainPattern& pattern) { return pattern.matches(network); });
    }

    net::ClientRequest request_of(std::string method, std::string_view path) const {
        net::ClientRequest request;
        request.method = std::move(method);
        request.url = options_.url;
        request.url.append(path);
        request.timeout = options_.timeout;
        request.max_answer_bytes = limits::kFacilitatorBodyBytes;
        request.headers.set("Accept", "application/json");
        request.headers.set("User-Agent", std::string("x402-cpp/") + std::string(kVersion));
        if (!options_.token.empty()) {
            request.headers.set("Authorization",
                                "Bearer " + std::string(options_.token.reveal_text()));
        }
        return request;
    }

    Result<net::ClientRequest> post_of(std::string_view path, const FacilitatorRequest& asked,
                                       const std::string& idempotency_key) const {
        if (!serves(asked.requirements.network)) {
            return fail_field(
                Errc::invalid, "network",
                options_.url + " is not configured for " + asked.requirements.network.text());
        }
        X402_TRY_VOID(check_idempotency_key(idempotency_key));
        net::ClientRequest request = request_of("POST", path);
        auto body = body_of(asked, names_);
        // Whatever is wrong with it, nothing was sent.
        if (!body)
            return fail_field(Errc::invalid, body.error().field, body.error().detail,
                              body.error().next);
        if (body->size() > limits::kFacilitatorBodyBytes) {
            return fail(Errc::too_large,
                        "the request would have " + std::to_string(body->size()) + " bytes");
        }
        request.body = std::move(*body);
        request.headers.set("Content-Type", "application/json");
        if (!idempotency_key.empty()) request.headers.set("Idempotency-Key", idempotency_key);
        return request;
    }

    Result<Supported> supported_of(const net::ClientResponse& answer) const {
        X402_TRY(Supported supported, judge_supported(answer, names_));
        std::erase_if(supported.kinds,
                      [&](const SupportedKind& kind) { return !serves(kind.network); });
        return supported;
    }

    Duration pause_after(const net::ClientResponse& answer, int attempt) const {
        const auto told = parse_retry_after(answer.headers.get("Retry-After"), env_.clock.now());
        const Duration doubled = kFirstPause * (1 << attempt);
        return std::min(told && *told > Duration::zero() ? *told : doubled, kLongestPause);
    }

    FacilitatorClientOptions options_;
    net::HttpClient& http_;
    Env env_;
    NetworkNames names_;
};

}  // namespace

Result<void> check_facilitator_url(std::string_view url, bool insecure) {
    X402_TRY(const net::UrlParts parts, net::split_url(url));
    // A name that begins like an address ("127.0.0.1.evil.example") must not be taken for that
    // address.
    if (!parts.target.starts_with('/'))
        return fail(Errc::invalid, "the host of the URL can be read in two ways");
    if (url.find_first_of("?#") != std::string_view::npos) {
        return fail(Errc::invalid, "a facilitator's URL has no query and no fragment");
    }
    if (parts.scheme == "https" || insecure || net::is_loopback_host(parts.host)) return {};
    Error error{Errc::refused, "plain http to another machine: " + parts.origin(), {}, {}, false};
    error.next = "use https, or say insecure = true at this facilitator";
    return fail(std::move(error));
}

std::unique_ptr<FacilitatorApi> make_facilitator_client(FacilitatorClientOptions options,
                                                        net::HttpClient& http, Env env,
                                                        NetworkNames names) {
    return std::make_unique<FacilitatorClient>(std::move(options), http, env, std::move(names));
}

}  // namespace x402::transports
