// SPDX-License-Identifier: Apache-2.0
// How many payments of a network are undecided, in all and of each payer with each token: what
// keeps one wallet, or one network that is dead, from filling the places of everybody. Pure data;
// the engine's core.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>

namespace x402::facilitator {

class Crowd {
public:
    void enter(const std::string& payer, const std::string& asset);
    void leave(const std::string& payer, const std::string& asset);
    std::size_t all() const noexcept { return all_; }
    std::size_t of(const std::string& payer, const std::string& asset) const;

private:
    using Purse = std::pair<std::string, std::string>;
    static Purse purse_of(const std::string& payer, const std::string& asset);
    std::map<Purse, std::size_t> purses_;
    std::size_t all_ = 0;
};

}  // namespace x402::facilitator
