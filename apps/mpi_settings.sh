# Settings that let Open MPI 4 start any number of ranks on one machine: in a container, as root,
# with fewer cores than ranks, without ssh. For demonstrations and tests, not for clusters; what the
# caller has set stays. MPICH needs none and takes no notice. To be sourced.

export OMPI_ALLOW_RUN_AS_ROOT="${OMPI_ALLOW_RUN_AS_ROOT:-1}"
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="${OMPI_ALLOW_RUN_AS_ROOT_CONFIRM:-1}"
export OMPI_MCA_plm="${OMPI_MCA_plm:-isolated}"  # start on this host only; looks for no ssh
export OMPI_MCA_rmaps_base_oversubscribe="${OMPI_MCA_rmaps_base_oversubscribe:-1}"
export OMPI_MCA_hwloc_base_binding_policy="${OMPI_MCA_hwloc_base_binding_policy:-none}"
export OMPI_MCA_mpi_yield_when_idle="${OMPI_MCA_mpi_yield_when_idle:-1}"
# Containers forbid ptrace, which single-copy transfers between processes need.
export OMPI_MCA_btl_vader_single_copy_mechanism="${OMPI_MCA_btl_vader_single_copy_mechanism:-none}"
# The shared-memory store of PMIx fails on some container file systems.
export PMIX_MCA_gds="${PMIX_MCA_gds:-hash}"
