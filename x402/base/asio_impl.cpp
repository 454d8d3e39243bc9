// SPDX-License-Identifier: Apache-2.0
// The one place where Asio's own sources are compiled (BOOST_ASIO_SEPARATE_COMPILATION), so that
// every other file of the project is spared that cost. The part for TLS is compiled in net, which
// owns OpenSSL's sockets.
#include <boost/asio/impl/src.hpp>
