// SPDX-License-Identifier: Apache-2.0
// The soft limit goes up to the hard one, and never down.
#include "x402/net/descriptors.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace x402::net {
namespace {

class DescriptorLimit : public ::testing::Test {
protected:
    void SetUp() override { ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0); }
    void TearDown() override { ::setrlimit(RLIMIT_NOFILE, &before_); }
    rlimit now() {
        rlimit limit{};
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
        return limit;
    }
    rlimit before_{};
};

TEST_F(DescriptorLimit, IsRaisedToWhatTheSystemAllows) {
    const rlimit low{128, before_.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    EXPECT_EQ(raise_descriptor_limit(), before_.rlim_max);
    EXPECT_EQ(now().rlim_cur, before_.rlim_max);
    EXPECT_EQ(now().rlim_max, before_.rlim_max);
}

TEST_F(DescriptorLimit, StaysWhereItIsTheHighestAlready) {
    const rlimit all{before_.rlim_max, before_.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &all), 0);
    EXPECT_EQ(raise_descriptor_limit(), before_.rlim_max);
    EXPECT_EQ(now().rlim_cur, before_.rlim_max);
}

}  // namespace
}  // namespace x402::net
