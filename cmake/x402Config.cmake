# SPDX-License-Identifier: Apache-2.0
# find_package(x402): then link x402::x402. C++23, GCC 12 or newer.
set(X402_TESTS OFF)
include(${CMAKE_CURRENT_LIST_DIR}/third_party.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/x402Targets.cmake)
