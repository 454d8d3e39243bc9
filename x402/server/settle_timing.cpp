// SPDX-License-Identifier: Apache-2.0
// Settle conditions. See settle_timing.hpp; pure.
#include "x402/server/settle_timing.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace x402::server {
namespace {

std::string_view take_word(std::string_view& text) noexcept {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end);
    return word;
}

std::unexpected<Error> bad_condition(std::string what) {
    return fail_field(Errc::invalid, "when", std::move(what),
                      "write a condition such as \"status < 300\"");
}

Result<StatusTest::How> read_how(std::string_view word) {
    using How = StatusTest::How;
    static constexpr std::pair<std::string_view, How> kWords[] = {
        {"<", How::less},      {"<=", How::at_most}, {">", How::greater},
        {">=", How::at_least}, {"==", How::equal},   {"!=", How::other}};
    for (const auto& [text, how] : kWords) {
        if (text == word) return how;
    }
    return bad_condition("\"" + std::string(word) + "\" is no comparison");
}

}  // namespace

bool StatusTest::holds(int actual) const noexcept {
    switch (how) {
        case How::less:
            return actual < status;
        case How::at_most:
            return actual <= status;
        case How::greater:
            return actual > status;
        case How::at_least:
            return actual >= status;
        case How::equal:
            return actual == status;
        case How::other:
            return actual != status;
    }
    return false;
}

bool SettleTiming::pays(int status) const noexcept {
    if (when.empty()) return status < 400;
    return std::all_of(when.begin(), when.end(),
                       [status](const StatusTest& test) { return test.holds(status); });
}

Result<std::vector<StatusTest>> read_status_tests(std::string_view text) {
    std::vector<StatusTest> tests;
    for (;;) {
        if (take_word(text) != "status") return bad_condition("a condition compares `status`");
        StatusTest test;
        X402_TRY(test.how, read_how(take_word(text)));
        const std::string_view number = take_word(text);
        const bool digits =
            number.size() == 3 &&
            std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
        if (!digits)
            return bad_condition("\"" + std::string(number) + "\" is no status of three digits");
        test.status = (number[0] - '0') * 100 + (number[1] - '0') * 10 + (number[2] - '0');
        tests.push_back(test);
        const std::string_view joint = take_word(text);
        if (joint.empty()) return tests;
        if (joint != "and") return bad_condition("conditions are joined by `and`");
    }
}

}  // namespace x402::server
