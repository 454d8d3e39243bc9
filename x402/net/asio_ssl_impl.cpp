// SPDX-License-Identifier: Apache-2.0
// The one place where Asio's TLS code is compiled (BOOST_ASIO_SEPARATE_COMPILATION); the rest of
// Asio is compiled in room base.
#include <boost/asio/ssl/impl/src.hpp>
