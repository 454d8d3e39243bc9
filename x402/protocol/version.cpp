// SPDX-License-Identifier: Apache-2.0
// Version 1 (its core specification, sections 5 and 7) in the types of version 2. What version 1
// says in the requirements about the resource goes to ResourceInfo; `outputSchema` stays with the
// unknown members.
#include "x402/protocol/version.hpp"

#include <array>

#include "x402/protocol/codec.hpp"
#include "x402/protocol/codec_detail.hpp"

namespace x402 {
namespace {

using detail::read_optional;

constexpr std::array<std::string_view, 10> kRequirementsMembersV1 = {
    "scheme",   "network", "maxAmountRequired", "resource", "description",
    "mimeType", "payTo",   "maxTimeoutSeconds", "asset",    "extra"};
constexpr std::array<std::string_view, 4> kPayloadMembersV1 = {"x402Version", "scheme", "network",
                                                               "payload"};
constexpr std::array<std::string_view, 3> kRequiredMembersV1 = {"x402Version", "error", "accepts"};

struct RequirementsV1 {
    PaymentRequirements terms;
    ResourceInfo resource;
};

// Some servers of version 1 already send CAIP-2, which no short name can be mistaken for.
Result<ChainId> network_of(std::string_view text, const NetworkNames& names) {
    if (auto id = ChainId::parse(text)) return id;
    if (auto known = names.to_chain ? names.to_chain(text) : std::nullopt) return std::move(*known);
    return fail_field(Errc::unsupported, "network", "the short name of the network is not known",
                      "use x402Version 2 with a CAIP-2 network");
}

Result<std::string> v1_name_of(const ChainId& network, const NetworkNames& names) {
    if (auto name = names.to_v1_name ? names.to_v1_name(network) : std::nullopt)
        return std::move(*name);
    return fail_field(Errc::unsupported, "network", "version 1 has no name for " + network.text(),
                      "use x402Version 2");
}

Result<RequirementsV1> read_requirements_v1(const json::Object& object, std::string_view path,
                                            const NetworkNames& names) {
    RequirementsV1 read;
    X402_TRY(read.terms, detail::read_common_terms(object, path));
    X402_TRY(const std::string network, detail::read_filled(object, "network", path));
    auto id = network_of(network, names);
    if (!id) return detail::fail_under(path, std::move(id).error());
    read.terms.network = std::move(*id);
    X402_TRY(read.terms.amount, detail::read_amount(object, "maxAmountRequired", path));
    X402_TRY(read.resource.url, read_optional(object, "resource", path));
    X402_TRY(read.resource.description, read_optional(object, "description", path));
    X402_TRY(read.resource.mime_type, read_optional(object, "mimeType", path));
    read.terms.unknown = detail::members_beside(object, kRequirementsMembersV1);
    return read;
}

Result<void> demand_version1(const json::Object& object) {
    X402_TRY(const std::int64_t version, json::get_int(object, "x402Version"));
    if (version != kVersion1) return detail::wrong_version({}, version, kVersion1);
    return {};
}

// Both places may say the version; where both do, they agree. V1 clients exist that leave out the
// outer one.
Result<int> version_of_request(const json::Object& request, const json::Object& payload) {
    X402_TRY(const std::int64_t inner, json::get_int(payload, "x402Version", "paymentPayload"));
    X402_TRY(const auto outer, json::opt_int(request, "x402Version"));
    if (inner != kVersion1 && inner != kVersion2)
        return detail::wrong_version("paymentPayload", inner, kVersion2);
    if (outer && *outer != inner) return detail::wrong_version({}, *outer, static_cast<int>(inner));
    return static_cast<int>(inner);
}

Result<void> read_request_v2(const json::Object& requirements, FacilitatorRequest& into,
                             std::string_view payload_text) {
    auto payload = read_payment_payload(payload_text);
    if (!payload) return detail::fail_under("paymentPayload", std::move(payload).error());
    into.payload = std::move(*payload);
    X402_TRY(into.requirements, read_requirements(requirements, "paymentRequirements"));
    return {};
}

Result<void> read_request_v1(const json::Object& requirements, FacilitatorRequest& into,
                             std::string_view payload_text, const NetworkNames& names) {
    X402_TRY(RequirementsV1 asked,
             read_requirements_v1(requirements, "paymentRequirements", names));
    auto payload = read_payment_payload_v1(payload_text, asked.terms, names);
    if (!payload) return detail::fail_under("paymentPayload", std::move(payload).error());
    into.payload = std::move(*payload);
    into.payload.resource = std::move(asked.resource);
    into.requirements = std::move(asked.terms);
    return {};
}

}  // namespace

Result<FacilitatorRequest> read_facilitator_request(std::string_view text,
                                                    const NetworkNames& names) {
    X402_TRY(const json::Object object, json::parse_object(text));
    X402_TRY(const json::Object payload, json::get_object(object, "paymentPayload"));
    X402_TRY(const json::Object requirements, json::get_object(object, "paymentRequirements"));
    FacilitatorRequest request;
    X402_TRY(request.version, version_of_request(object, payload));
    const auto payload_text = json::raw_member(text, "paymentPayload");
    const auto requirements_text = json::raw_member(text, "paymentRequirements");
    if (!payload_text || !requirements_text)
        return fail(Errc::invalid, "a member could not be found in the text");
    if (request.version == kVersion1) {
        X402_TRY_VOID(read_request_v1(requirements, request, *payload_text, names));
    } else {
        X402_TRY_VOID(read_request_v2(requirements, request, *payload_text));
    }
    request.requirements_text = *requirements_text;
    return request;
}

Result<PaymentPayload> read_payment_payload_v1(std::string_view text,
                                               const PaymentRequirements& accepted,
                                               const NetworkNames& names) {
    X402_TRY(const json::Object object, json::parse_object(text));
    X402_TRY_VOID(demand_version1(object));
    X402_TRY(const std::string scheme, detail::read_filled(object, "scheme", {}));
    X402_TRY(const std::string network, detail::read_filled(object, "network", {}));
    X402_TRY(const ChainId id, network_of(network, names));
    if (scheme != accepted.scheme) {
        return fail_field(Errc::invalid, "scheme",
                          "differs from the requirements' " + accepted.scheme);
    }
    if (id != accepted.network) {
        return fail_field(Errc::invalid, "network",
                          "differs from the requirements' " + accepted.network.text());
    }
    PaymentPayload payload;
    payload.version = kVersion1;
    payload.accepted = accepted;
    X402_TRY(payload.payload, json::get_object(object, "payload"));
    payload.unknown = detail::members_beside(object, kPayloadMembersV1);
    payload.text = text;
    return payload;
}

Result<ChainId> network_of_v1_payment(std::string_view text, const NetworkNames& names) {
    X402_TRY(const json::Object object, json::parse_object(text));
    X402_TRY_VOID(demand_version1(object));
    X402_TRY(const std::string network, detail::read_filled(object, "network", {}));
    return network_of(network, names);
}

Result<PaymentRequired> read_payment_required_v1(std::string_view text, const NetworkNames& names) {
    X402_TRY(const json::Object object, json::parse_object(text));
    X402_TRY_VOID(demand_version1(object));
    PaymentRequired required;
    required.version = kVersion1;
    X402_TRY(required.error, read_optional(object, "error", {}));
    std::optional<ResourceInfo>
        resource;  // of the first offer that can be read: they describe one resource
    const auto read = [&](const json::Object& offer,
                          std::string_view path) -> Result<PaymentRequirements> {
        X402_TRY(RequirementsV1 got, read_requirements_v1(offer, path, names));
        if (!resource) resource = std::move(got.resource);
        return std::move(got.terms);
    };
    X402_TRY_VOID(detail::read_offers(object, required, read));
    if (resource) required.resource = std::move(*resource);
    required.unknown = detail::members_beside(object, kRequiredMembersV1);
    return required;
}

Result<json::Object> write_payment_payload_v1(const PaymentPayload& payload,
                                              const NetworkNames& names) {
    X402_TRY(const std::string network, v1_name_of(payload.accepted.network, names));
    json::Object object;
    object["x402Version"] = kVersion1;
    object["scheme"] = payload.accepted.scheme;
    object["network"] = network;
    object["payload"] = payload.payload;
    detail::append_unknown(object, payload.unknown);
    return object;
}

Result<json::Object> write_requirements_v1(const PaymentRequirements& requirements,
                                           const ResourceInfo& resource,
                                           const NetworkNames& names) {
    X402_TRY(const std::string network, v1_name_of(requirements.network, names));
    json::Object object;
    object["scheme"] = requirements.scheme;
    object["network"] = network;
    object["maxAmountRequired"] = requirements.amount.to_decimal();
    object["resource"] = resource.url;
    object["description"] = resource.description;
    object["mimeType"] = resource.mime_type;
    object["payTo"] = requirements.pay_to;
    object["maxTimeoutSeconds"] = requirements.max_timeout_seconds;
    object["asset"] = requirements.asset;
    if (!requirements.extra.empty()) object["extra"] = requirements.extra;
    detail::append_unknown(object, requirements.unknown);
    return object;
}

Result<json::Object> write_settle_response_v1(const SettleResponse& response,
                                              const NetworkNames& names) {
    json::Object object = write(response);
    if (!response.network.empty()) {
        X402_TRY(const std::string network, v1_name_of(response.network, names));
        object["network"] = network;
    }
    return object;
}

Result<SettleResponse> read_settle_response_v1(std::string_view text, const NetworkNames& names) {
    X402_TRY(const json::Object object, json::parse_object(text));
    return detail::read_settle(
        object, [&](std::string_view network) { return network_of(network, names); });
}

}  // namespace x402
