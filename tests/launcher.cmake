# The launcher that tests start ranks with, MPIEXEC_EXECUTABLE: its words up to the number of ranks
# (rankine_launch) and what it wants from the environment (rankine_launch_environment).
# tests/support/launcher.py has the same for tests in Python.
execute_process(COMMAND ${MPIEXEC_EXECUTABLE} --version OUTPUT_VARIABLE rankine_launcher_text
  ERROR_VARIABLE rankine_launcher_text)
if(rankine_launcher_text MATCHES "HYDRA")  # MPICH's
  set(rankine_launch ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG})
  set(rankine_launch_environment "")
else()  # Open MPI's
  # More ranks than cores is the normal case here; copying through the kernel (CMA) needs ptrace
  # rights that containers withhold.
  set(rankine_launch ${MPIEXEC_EXECUTABLE} --oversubscribe --allow-run-as-root
    ${MPIEXEC_NUMPROC_FLAG})
  set(rankine_launch_environment "OMPI_MCA_btl_vader_single_copy_mechanism=none"
    "OMPI_MCA_rmaps_base_oversubscribe=1")
endif()
