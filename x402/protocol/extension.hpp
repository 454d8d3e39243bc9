// SPDX-License-Identifier: Apache-2.0
// Extensions register by key: what they declare in a 402, what they check in the echo, what they
// add to the answer (core spec, section 5.1.3). Thread rule: const after registration.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "x402/protocol/reasons.hpp"
#include "x402/protocol/types.hpp"

namespace x402 {

class Extension {
public:
    virtual ~Extension() = default;
    virtual std::string_view key() const noexcept = 0;
    // {"info": ..., "schema": ...}; nothing where it does not apply to this resource.
    virtual std::optional<json::Object> declare(const ResourceInfo& resource) const = 0;
    // The client's echo beside what was declared; nothing is fine.
    virtual std::optional<Refusal> check(const json::Object& declared,
                                         const json::Object& echo) const = 0;
    virtual std::optional<json::Object> answer(const SettleResponse& settlement) const = 0;
};

class Extensions {
public:
    // Errc::conflict names a key that is there already.
    Result<void> add(std::unique_ptr<Extension> extension);
    const Extension* find(std::string_view key) const noexcept;
    const std::vector<std::unique_ptr<Extension>>& all() const noexcept { return all_; }

private:
    std::vector<std::unique_ptr<Extension>> all_;
};

}  // namespace x402
