// SPDX-License-Identifier: Apache-2.0
#include "x402/protocol/extension.hpp"

#include "x402/base/check.hpp"

namespace x402 {

Result<void> Extensions::add(std::unique_ptr<Extension> extension) {
    X402_CHECK(extension != nullptr);
    const std::string key(extension->key());
    if (key.empty()) return fail(Errc::invalid, "an extension has no key");
    if (find(key) != nullptr)
        return fail(Errc::conflict, "two extensions have the key '" + key + "'");
    all_.push_back(std::move(extension));
    return {};
}

const Extension* Extensions::find(std::string_view key) const noexcept {
    for (const auto& extension : all_) {
        if (extension->key() == key) return extension.get();
    }
    return nullptr;
}

}  // namespace x402
