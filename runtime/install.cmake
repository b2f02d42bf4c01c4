# Installation: the executable with its manual pages and its completion, one static library per
# room, the headers as they lie in the tree, a CMake package, a pkg-config file. It can be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
get_property(rankine_rooms GLOBAL PROPERTY RANKINE_ROOMS)
add_library(rankine_library INTERFACE)
target_link_libraries(rankine_library INTERFACE rankine_runtime_session)
set_target_properties(rankine_library PROPERTIES EXPORT_NAME rankine)
add_library(rankine::rankine ALIAS rankine_library)
target_include_directories(rankine_flags INTERFACE
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/rankine>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
list(REMOVE_ITEM rankine_rooms rankine_apps_language)
install(TARGETS rankine RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS rankine_library rankine_flags ${rankine_rooms} EXPORT rankine
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT rankine NAMESPACE rankine:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/rankine
  FILE rankineTargets.cmake)
set(rankine_hdf5_parallel FALSE)
if(HDF5_IS_PARALLEL)
  set(rankine_hdf5_parallel TRUE)
endif()
string(REGEX MATCH "^[0-9]+\\.[0-9]+" rankine_hdf5_minor "${HDF5_VERSION}")
configure_package_config_file(runtime/rankineConfig.cmake.in
  ${CMAKE_BINARY_DIR}/rankineConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/rankine)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/rankineConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/rankineConfig.cmake ${CMAKE_BINARY_DIR}/rankineConfigVersion.cmake
  runtime/FindLZF.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/rankine)
install(FILES runtime/rankine.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/rankine)
install(DIRECTORY runtime io collectives DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/rankine
  FILES_MATCHING PATTERN "*.h")

# The executable writes its pages itself, from the text of --help.
set(rankine_share ${CMAKE_BINARY_DIR}/share)
install(CODE "file(REMOVE_RECURSE \"${rankine_share}\")
execute_process(COMMAND \"$<TARGET_FILE:rankine>\" --pages \"${rankine_share}\"
  COMMAND_ERROR_IS_FATAL ANY)")
install(DIRECTORY ${rankine_share}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR})
install(DIRECTORY ${rankine_share}/bash-completion DESTINATION ${CMAKE_INSTALL_DATAROOTDIR})

# pkg-config. The rooms stand users first, which is the order in which linkers look for symbols.
set(rankine_pc_libraries "")
list(REVERSE rankine_rooms)
foreach(room IN LISTS rankine_rooms)
  get_target_property(kind ${room} TYPE)
  if(kind STREQUAL "STATIC_LIBRARY")
    string(APPEND rankine_pc_libraries "-l${room} ")
  endif()
endforeach()
set(rankine_found_libraries ${MPI_CXX_LIBRARIES} ${HDF5_HL_LIBRARIES} ${HDF5_LIBRARIES} BZip2::BZip2
  LZF::LZF)
list(REMOVE_DUPLICATES rankine_found_libraries)
foreach(library IN LISTS rankine_found_libraries)
  if(TARGET ${library})
    set(library $<TARGET_LINKER_FILE:${library}>)
  endif()
  string(APPEND rankine_pc_libraries "${library} ")
endforeach()
string(APPEND rankine_pc_libraries "${MPI_CXX_LINK_FLAGS} ${OpenMP_CXX_FLAGS} "
  "-l${CMAKE_DL_LIBS} -Wl,--build-id")
set(rankine_pc_includes "")
get_target_property(rankine_cereal_includes cereal::cereal INTERFACE_INCLUDE_DIRECTORIES)
foreach(folder IN LISTS rankine_cereal_includes)
  if(NOT folder STREQUAL "/usr/include")
    string(APPEND rankine_pc_includes " -I${folder}")
  endif()
endforeach()
set(rankine_pc_folder ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH rankine_pc_prefix /${rankine_pc_folder} /)
string(REGEX REPLACE "/$" "" rankine_pc_prefix "${rankine_pc_prefix}")
configure_file(runtime/rankine.pc.in ${CMAKE_BINARY_DIR}/rankine.pc.in @ONLY)
file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/rankine.pc INPUT ${CMAKE_BINARY_DIR}/rankine.pc.in)
install(FILES ${CMAKE_BINARY_DIR}/rankine.pc DESTINATION ${rankine_pc_folder})
