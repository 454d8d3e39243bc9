// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value or an Error. A type of its own, because std::expected does not warn when it is
// dropped. Any thread.
#pragma once

#include <expected>
#include <string>
#include <utility>

#include "x402/base/error.hpp"

namespace x402 {

template <class T>
struct [[nodiscard]] Result : std::expected<T, Error> {
    using std::expected<T, Error>::expected;
};

inline std::unexpected<Error> fail(Errc code, std::string detail = {}) {
    return std::unexpected(Error{code, std::move(detail), {}, {}, is_retryable(code)});
}
// With the input that is meant and what to do about it.
inline std::unexpected<Error> fail_field(Errc code, std::string field, std::string detail,
                                         std::string next = {}) {
    return std::unexpected(
        Error{code, std::move(detail), std::move(field), std::move(next), is_retryable(code)});
}
inline std::unexpected<Error> fail(Error error) {
    return std::unexpected(std::move(error));
}

}  // namespace x402

#define X402_JOIN_INNER(a, b) a##b
#define X402_JOIN(a, b) X402_JOIN_INNER(a, b)

// X402_TRY(auto value, expression); leaves the function with the error. The CO twin is for
// coroutines.
#define X402_TRY(declaration, ...) \
    X402_TRY_IMPL(X402_JOIN(x402_try_, __LINE__), return, declaration, __VA_ARGS__)
#define X402_CO_TRY(declaration, ...) \
    X402_TRY_IMPL(X402_JOIN(x402_try_, __LINE__), co_return, declaration, __VA_ARGS__)
#define X402_TRY_IMPL(name, leave, declaration, ...)        \
    auto name = (__VA_ARGS__);                              \
    if (!name) leave ::x402::fail(std::move(name).error()); \
    declaration = std::move(*name)

// For Result<void>: X402_TRY_VOID(expression);
#define X402_TRY_VOID(...) X402_TRY_VOID_IMPL(X402_JOIN(x402_try_, __LINE__), return, __VA_ARGS__)
#define X402_CO_TRY_VOID(...) \
    X402_TRY_VOID_IMPL(X402_JOIN(x402_try_, __LINE__), co_return, __VA_ARGS__)
#define X402_TRY_VOID_IMPL(name, leave, ...)                    \
    do {                                                        \
        auto name = (__VA_ARGS__);                              \
        if (!name) leave ::x402::fail(std::move(name).error()); \
    } while (false)
