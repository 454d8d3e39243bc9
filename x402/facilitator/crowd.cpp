// SPDX-License-Identifier: Apache-2.0
#include "x402/facilitator/crowd.hpp"

#include <algorithm>

#include "x402/base/check.hpp"

namespace x402::facilitator {

// Written in other case, an address is a purse all the same: the count must not be dodged by it.
Crowd::Purse Crowd::purse_of(const std::string& payer, const std::string& asset) {
    Purse purse{payer, asset};
    for (std::string* text : {&purse.first, &purse.second}) {
        std::transform(text->begin(), text->end(), text->begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        });
    }
    return purse;
}

void Crowd::enter(const std::string& payer, const std::string& asset) {
    ++purses_[purse_of(payer, asset)];
    ++all_;
}

void Crowd::leave(const std::string& payer, const std::string& asset) {
    const auto found = purses_.find(purse_of(payer, asset));
    X402_CHECK(found != purses_.end());
    if (--found->second == 0) purses_.erase(found);
    --all_;
}

std::size_t Crowd::of(const std::string& payer, const std::string& asset) const {
    const auto found = purses_.find(purse_of(payer, asset));
    return found == purses_.end() ? 0 : found->second;
}

}  // namespace x402::facilitator
