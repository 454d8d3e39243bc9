// SPDX-License-Identifier: Apache-2.0
#include "x402/base/error.hpp"

namespace x402 {

std::string_view to_string(Errc code) noexcept {
    switch (code) {
#define X402_ERRC_NAME(name, retryable) \
    case Errc::name:                    \
        return #name;
        X402_ERRC_TABLE(X402_ERRC_NAME)
#undef X402_ERRC_NAME
    }
    return "internal";
}

bool is_retryable(Errc code) noexcept {
    switch (code) {
#define X402_ERRC_RETRY(name, retryable) \
    case Errc::name:                     \
        return retryable;
        X402_ERRC_TABLE(X402_ERRC_RETRY)
#undef X402_ERRC_RETRY
    }
    return false;
}

std::string to_string(const Error& error) {
    std::string text(to_string(error.code));
    if (!error.detail.empty()) text += ": " + error.detail;
    if (!error.field.empty()) text += " (field " + error.field + ")";
    if (!error.next.empty()) text += "; next: " + error.next;
    return text;
}

}  // namespace x402
