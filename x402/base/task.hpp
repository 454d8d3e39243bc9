// SPDX-License-Identifier: Apache-2.0
// The only door to coroutines. Rules (GCC 12 is young): parameters by value or by reference to
// something the caller keeps alive; no capturing lambda coroutines; no co_await inside ?: or a
// range-for initialiser; name the arguments before co_await.
#pragma once

#include <boost/asio/awaitable.hpp>

namespace x402 {

template <class T>
using Task = boost::asio::awaitable<T>;

}  // namespace x402
