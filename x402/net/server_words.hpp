// SPDX-License-Identifier: Apache-2.0
// What a connection says by itself, without a handler: a head that cannot be read, one that does
// not come, and a handler's mistake. Whole as every refusal is: a code of the public table
// (protocol/reasons.def, which this room does not see; the tests compare), a sentence, the field,
// whether to try again, and the next step. Pure; any thread.
#pragma once

#include "x402/net/http1.hpp"

namespace x402::net {

struct Words {
    int status = 400;
    std::string_view code;
    std::string_view sentence;
    std::string_view field;  // empty: no single part of the request is to blame
    std::string_view next;
    bool retryable = false;
};

Words words_of(http1::Fault fault) noexcept;
Words words_of_slowness() noexcept;
Words words_of_mistake() noexcept;
Response answer_of(const Words& words);

}  // namespace x402::net
