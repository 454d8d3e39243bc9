# SPDX-License-Identifier: Apache-2.0
# `cmake --install` and find_package(x402): every room as a static library, their headers, and one target
# x402::x402 that stands for all of them.
get_property(rooms GLOBAL PROPERTY X402_ROOMS)
target_compile_features(x402_base PUBLIC cxx_std_23)
add_library(x402_all INTERFACE)
set_target_properties(x402_all PROPERTIES EXPORT_NAME x402)
target_link_libraries(x402_all INTERFACE ${rooms})

set(config_folder lib/cmake/x402)
install(TARGETS ${rooms} x402_all EXPORT x402Targets ARCHIVE DESTINATION lib/x402)
install(EXPORT x402Targets NAMESPACE x402:: DESTINATION ${config_folder})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/x402/ DESTINATION include/x402
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.def" PATTERN "_template" EXCLUDE)
include(CMakePackageConfigHelpers)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/x402ConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_SOURCE_DIR}/cmake/x402Config.cmake ${CMAKE_BINARY_DIR}/x402ConfigVersion.cmake
        ${CMAKE_SOURCE_DIR}/cmake/third_party.cmake DESTINATION ${config_folder})
