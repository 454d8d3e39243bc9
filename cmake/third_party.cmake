# SPDX-License-Identifier: Apache-2.0
# Third-party libraries, each as one imported target. tools/owners.toml says which room may include which.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(CURL REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(SQLite3 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)

# Prefers the static archive, so that the binary needs nothing but the system's own libraries.
function(x402_static_library name archive header)
  find_library(${name}_ARCHIVE NAMES ${archive} REQUIRED)
  find_path(${name}_INCLUDE NAMES ${header} REQUIRED)
  add_library(${name} INTERFACE IMPORTED)
  target_link_libraries(${name} INTERFACE ${${name}_ARCHIVE})
endfunction()

x402_static_library(x402_secp256k1 libsecp256k1.a secp256k1.h)
x402_static_library(x402_sodium libsodium.a sodium.h)
x402_static_library(x402_sqlite libsqlite3.a sqlite3.h)
target_link_libraries(x402_sqlite INTERFACE ${CMAKE_DL_LIBS} m)
x402_static_library(x402_boost_json libboost_json.a boost/json.hpp)
x402_static_library(x402_boost_url libboost_url.a boost/url.hpp)
add_library(x402_asio INTERFACE IMPORTED)
target_compile_definitions(x402_asio INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
                           BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=16)
target_link_libraries(x402_asio INTERFACE Threads::Threads)

if(X402_TESTS)
  find_package(GTest REQUIRED)
endif()
