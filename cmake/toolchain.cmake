# SPDX-License-Identifier: Apache-2.0
# Language, warnings, sanitizers, ccache and the linker: everything that holds for every room.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(X402_CCACHE ccache)
if(X402_CCACHE AND NOT "$ENV{X402_CCACHE}" STREQUAL "off")
  # Precompiled headers and ccache agree only when ccache is told to look past time stamps.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${X402_CCACHE})
endif()

find_program(X402_MOLD mold)
if(X402_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # GCC's own <algorithm> uses what its standard has deprecated; GCC keeps quiet about its own headers.
  add_compile_options(-Wno-deprecated-declarations)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports maybe-uninitialized and dangling pointers inside its own coroutine frames, takes a frame that
  # Asio allocates and frees itself for a mismatched pair, and sees bounds broken in std::string + "...".
  add_compile_options(-fcoroutines -Wno-maybe-uninitialized -Wno-dangling-pointer -Wno-array-bounds
                      -Wno-mismatched-new-delete -Wno-restrict -Wno-stringop-overflow
                      -Wno-stringop-overread -fpch-preprocess)
else()
  # clang before 19 hides std::expected behind a concepts version it does not announce.
  add_compile_options(-U__cpp_concepts -D__cpp_concepts=202002L -Wno-builtin-macro-redefined
                      -Wno-missing-designated-field-initializers -Wno-sign-conversion
                      -Wno-unused-private-field -Wno-unknown-warning-option)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-fstack-protector-strong -fno-plt)
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
  set(CMAKE_CXX_FLAGS_RELEASE "-O2")
  add_link_options(-Wl,-z,relro,-z,now)
endif()
if(X402_SANITIZE)
  add_compile_options(-fsanitize=${X402_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${X402_SANITIZE})
  if(X402_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio's fences are beyond what GCC's thread sanitizer follows, which it says in file after file.
    add_compile_options(-Wno-tsan)
  endif()
endif()
