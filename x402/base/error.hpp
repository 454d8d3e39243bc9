// SPDX-License-Identifier: Apache-2.0
// What can go wrong, as a value. An Error never leaves the process as it is: the roles turn it into
// the public words of protocol/reasons.def. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace x402 {

// The kind of trouble, chosen by what the caller can do about it.
// X(name, retryable: the same call may succeed later)
#define X402_ERRC_TABLE(X)                                                  \
    X(invalid, false)      /* the input is not what it claims to be */      \
    X(too_large, false)    /* a cap of base/limits.hpp was hit */           \
    X(not_found, false)    /* no such thing */                              \
    X(conflict, false)     /* somebody else holds it, or it changed */      \
    X(unsupported, false)  /* well formed, but not something we do */       \
    X(refused, false)      /* policy says no */                             \
    X(unauthorized, false) /* the caller is not known */                    \
    X(unreachable, true)   /* nothing was sent: connect or lookup failed */ \
    X(interrupted, true)   /* bytes may have been sent, no answer came */   \
    X(timeout, true)       /* the deadline passed; as interrupted */        \
    X(unavailable, true)   /* reached, but it cannot serve now */           \
    X(bad_peer, true)      /* the peer's answer makes no sense */           \
    X(cancelled, true)     /* we were told to stop */                       \
    X(io, true)            /* disk or socket */                             \
    X(internal, false)     /* a library threw; never expected */

enum class Errc {
#define X402_ERRC_NAME(name, retryable) name,
    X402_ERRC_TABLE(X402_ERRC_NAME)
#undef X402_ERRC_NAME
};

std::string_view to_string(Errc code) noexcept;
bool is_retryable(Errc code) noexcept;

struct Error {
    Errc code = Errc::internal;
    std::string detail;  // a sentence for the log; never contains a secret
    std::string
        field;  // which input is meant: "routes[0].price", "payload.authorization.value", or empty
    std::string next;  // what the reader can do about it, or empty
    bool retryable = false;
};

// "invalid: amount has a sign (field payload.value); next: send digits only"
std::string to_string(const Error& error);

}  // namespace x402
