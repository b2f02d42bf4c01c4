# cmake -DBUILD=<build tree> -DEXAMPLES=<apps/examples> -DSCRATCH=<folder> -DMPIEXEC=<mpirun>
#       -P tests/install_test.cmake
#
# Installs, builds the examples against what was installed, and runs them alone and on three ranks.
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN}\nreturned ${status}:\n${text}")
  endif()
  set(output "${text}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${SCRATCH})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${SCRATCH}/installed)
run(${CMAKE_COMMAND} -S ${EXAMPLES} -B ${SCRATCH}/build -G Ninja
  -DCMAKE_PREFIX_PATH=${SCRATCH}/installed)
run(${CMAKE_COMMAND} --build ${SCRATCH}/build)

set(ENV{OMPI_ALLOW_RUN_AS_ROOT} 1)
set(ENV{OMPI_ALLOW_RUN_AS_ROOT_CONFIRM} 1)
set(ENV{OMPI_MCA_rmaps_base_oversubscribe} 1)
set(ENV{OMPI_MCA_btl_vader_single_copy_mechanism} none)
run(${SCRATCH}/build/user_tasks --quiet)
set(alone "${output}")
message("${alone}")
if(NOT alone MATCHES "^best seed [0-9]+ ends at .*as expected: no root of -1\n$")
  message(FATAL_ERROR "user_tasks printed\n${alone}")
endif()
run(${MPIEXEC} -n 3 ${SCRATCH}/build/user_tasks --quiet --threads 2)
if(NOT output STREQUAL alone)
  message(FATAL_ERROR "alone:\n${alone}on three ranks:\n${output}")
endif()

run(${SCRATCH}/build/futures --quiet)
set(alone "${output}")
if(NOT alone MATCHES "best parameter 3.000.*the squares sum to 30.0\n$")
  message(FATAL_ERROR "futures printed\n${alone}")
endif()
run(${MPIEXEC} -n 3 ${SCRATCH}/build/futures --quiet --threads 2)
if(NOT output STREQUAL alone)
  message(FATAL_ERROR "alone:\n${alone}on three ranks:\n${output}")
endif()

run(${SCRATCH}/installed/bin/rankine sample -o ${SCRATCH}/sample.nc --seed 1 --shape 20,30,40)
run(${MPIEXEC} -n 3 ${SCRATCH}/build/anomaly ${SCRATCH}/sample.nc ${SCRATCH}/anomaly.nc --quiet)
run(${SCRATCH}/installed/bin/rankine info ${SCRATCH}/anomaly.nc)
if(NOT output MATCHES "t2m_anomaly")
  message(FATAL_ERROR "the anomaly is not in\n${output}")
endif()
