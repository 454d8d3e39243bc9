// SPDX-License-Identifier: Apache-2.0
// What makes a request the same request: method, canonical path and query, and its body. A grant is
// repeated only for an equal one. Pure; any thread.
#pragma once

#include <string_view>

#include "x402/base/bytes.hpp"
#include "x402/server/path.hpp"

namespace x402::server {

Hash32 request_fingerprint(std::string_view method, const Path& path);
Hash32 body_fingerprint(std::string_view body);

}  // namespace x402::server
