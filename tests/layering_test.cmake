# cmake -DROOT=<source tree> -DSCRATCH=<folder to write in> -P tests/layering_test.cmake
#
# Fails on an include that goes up or sideways, on <mpi.h> outside collectives/mpi and on <hdf5.h>
# outside io/h5. It first proves itself on a small tree in SCRATCH with one fault of every kind.
cmake_minimum_required(VERSION 3.25)

set(floors
  "runtime/base"
  "runtime/kernels io/codec io/h5 io collectives collectives/mpi"
  "runtime/expr runtime/graph"
  "runtime/optimize runtime/plan runtime/protocol runtime/api"
  "runtime/scheduler runtime/worker runtime/profile"
  "runtime/session runtime/simulate"
  "runtime"  # rankine.h, which users include
  "apps/language apps")
# The only includes inside a floor: "from > to".
set(inside_floor "io > io/h5" "io > io/codec" "io/h5 > io/codec" "collectives/mpi > collectives" "apps > apps/language")

set(level 0)
foreach(floor IN LISTS floors)
  string(REPLACE " " ";" rooms "${floor}")
  foreach(room IN LISTS rooms)
    set("floor_of_${room}" ${level})
  endforeach()
  math(EXPR level "${level} + 1")
endforeach()

# The room of a file: its folder or the nearest one above that is a room. A folder of runtime/ must
# be a room itself, so that a new one cannot go unchecked. Empty if there is none.
function(room_of file result)
  cmake_path(GET file PARENT_PATH folder)
  set(start "${folder}")
  while(folder AND NOT DEFINED "floor_of_${folder}")
    cmake_path(GET folder PARENT_PATH folder)
  endwhile()
  if(folder STREQUAL "runtime" AND NOT start STREQUAL "runtime")
    set(folder "")
  endif()
  set(${result} "${folder}" PARENT_SCOPE)
endfunction()

function(check_room_include file from target faults)
  room_of("${target}" to)
  if(to STREQUAL "")
    set(fault "${file}: \"${target}\" is in no room (includes go from the root)")
  elseif(to STREQUAL from OR "${from} > ${to}" IN_LIST inside_floor)
    return()
  elseif("${floor_of_${to}}" GREATER "${floor_of_${from}}")
    set(fault "${file}: ${from} includes ${to}, which is above it")
  elseif("${floor_of_${to}}" EQUAL "${floor_of_${from}}")
    set(fault "${file}: ${from} includes ${to}, which is beside it")
  else()
    return()
  endif()
  set(${faults} "${${faults}};${fault}" PARENT_SCOPE)
endfunction()

# The faults of the tree `root`, one string each.
function(check_tree root faults)
  set(found "")
  file(GLOB_RECURSE files RELATIVE "${root}" "${root}/runtime/*.h" "${root}/runtime/*.cc"
    "${root}/io/*.h" "${root}/io/*.cc" "${root}/collectives/*.h" "${root}/collectives/*.cc"
    "${root}/apps/*.h" "${root}/apps/*.cc")
  foreach(file IN LISTS files)
    room_of("${file}" room)
    if(room STREQUAL "")
      list(APPEND found "${file}: its folder stands on no floor")
      continue()
    endif()
    file(STRINGS "${root}/${file}" includes REGEX "^[ \t]*#[ \t]*include[ \t]*[<\"]")
    foreach(line IN LISTS includes)
      string(REGEX REPLACE "^[ \t]*#[ \t]*include[ \t]*([<\"][^>\"]*).*" "\\1" target "${line}")
      if(target MATCHES "^<mpi\\.h$" AND NOT room STREQUAL "collectives/mpi")
        list(APPEND found "${file}: <mpi.h> belongs into collectives/mpi")
      elseif(target MATCHES "^<(hdf5|hdf5_hl|H5[A-Za-z]*)\\.h$" AND NOT room STREQUAL "io/h5")
        list(APPEND found "${file}: HDF5's headers belong into io/h5")
      elseif(target MATCHES "^\"(.*)")
        check_room_include("${file}" "${room}" "${CMAKE_MATCH_1}" found)
      endif()
    endforeach()
  endforeach()
  list(LENGTH files count)
  set(${faults} "${found}" PARENT_SCOPE)
  set(file_count ${count} PARENT_SCOPE)
endfunction()

# sample(file include expected): a file with one include, and the fault it must give ("" for none).
function(sample file include expected)
  file(REMOVE_RECURSE "${SCRATCH}")
  file(WRITE "${SCRATCH}/${file}" "#pragma once\n#include ${include}\n")
  check_tree("${SCRATCH}" faults)
  if(expected STREQUAL "" AND NOT faults STREQUAL "")
    message(FATAL_ERROR "the layering test sees a fault where there is none: ${faults}")
  elseif(NOT expected STREQUAL "" AND NOT faults MATCHES "${expected}")
    message(FATAL_ERROR "the layering test is blind: ${file} with ${include} gave '${faults}'")
  endif()
endfunction()

sample(runtime/base/a.h "\"runtime/plan/b.h\"" "above it")
sample(runtime/graph/a.cc "\"runtime/worker/b.h\"" "above it")
sample(runtime/session/a.cc "\"apps/b.h\"" "above it")
sample(runtime/scheduler/a.h "\"runtime/worker/b.h\"" "beside it")
sample(runtime/worker/a.h "\"runtime/scheduler/b.h\"" "beside it")
sample(runtime/simulate/a.h "\"runtime/session/b.h\"" "beside it")
sample(runtime/expr/a.h "\"runtime/graph/b.h\"" "beside it")
sample(runtime/kernels/a.cc "\"io/b.h\"" "beside it")
sample(io/a.cc "\"collectives/b.h\"" "beside it")
sample(io/h5/a.cc "\"io/b.h\"" "beside it")
sample(collectives/a.cc "\"collectives/mpi/b.h\"" "beside it")
sample(collectives/mpi/a.cc "\"io/h5/b.h\"" "beside it")
sample(runtime/base/a.h "  \"b.h\"" "in no room")
sample(runtime/unheard_of/a.h "<vector>" "on no floor")
sample(runtime/worker/a.cc "<mpi.h>" "belongs into collectives/mpi")
sample(collectives/a.cc "<mpi.h>" "belongs into collectives/mpi")
sample(io/a.cc "<hdf5.h>" "belong into io/h5")
sample(apps/a.cc "<H5Fpublic.h>" "belong into io/h5")
sample(collectives/mpi/a.cc "<mpi.h>" "")
sample(io/h5/a.cc "<hdf5.h>" "")
sample(io/a.cc "\"io/h5/b.h\"" "")
sample(collectives/mpi/a.cc "\"collectives/b.h\"" "")
sample(runtime/worker/a.cc "\"collectives/b.h\"" "")
sample(runtime/plan/a.cc "\"runtime/plan/b.h\"" "")
sample(runtime/rankine.h "\"runtime/session/b.h\"" "")
sample(apps/dashboard/a.cc "\"apps/b.h\"" "")
file(REMOVE_RECURSE "${SCRATCH}")

check_tree("${ROOT}" faults)
if(NOT faults STREQUAL "")
  list(REMOVE_ITEM faults "")
  list(JOIN faults "\n  " text)
  message(FATAL_ERROR "includes against the floors:\n  ${text}")
endif()
if(file_count EQUAL 0)
  message(FATAL_ERROR "no source files under ${ROOT}")
endif()
message(STATUS "${file_count} files, every include goes down")
