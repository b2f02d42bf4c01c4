"""The launcher that tests start ranks with: its words, what it wants from the environment, and what
it does when it is told to stop. CMake names it in RANKINE_MPIEXEC; tests/launcher.cmake has the same
for tests that are no Python."""

import os
import re
import shutil
import signal
import subprocess


def _described(command):
    try:
        return subprocess.run([command, "--version"], capture_output=True, text=True).stdout
    except FileNotFoundError:
        return ""


MPIEXEC = os.environ.get("RANKINE_MPIEXEC") or shutil.which("mpirun") or "mpirun"
_TEXT = _described(MPIEXEC)
THERE = _TEXT != ""
HYDRA = "HYDRA" in _TEXT  # MPICH's; else Open MPI's
VERSION = re.search(r"\d+\.\d+[\w.]*", _TEXT)[0] if THERE else ""
NAME = "mpiexec (Hydra)" if HYDRA else "mpirun"  # as a run says how it was started

# More ranks than cores, and a container where all are root.
LAUNCH = [MPIEXEC] if HYDRA else [MPIEXEC, "--allow-run-as-root", "--oversubscribe"]
SETTINGS = {} if HYDRA else {
    "OMPI_MCA_plm": "isolated", "PMIX_MCA_gds": "hash",
    "OMPI_MCA_btl_vader_single_copy_mechanism": "none", "OMPI_MCA_mpi_yield_when_idle": "1",
    # Ranks of a test have more threads than cores, and nobody is to say so.
    "OMPI_MCA_hwloc_base_binding_policy": "none"}
RANK = "PMI_RANK" if HYDRA else "OMPI_COMM_WORLD_RANK"
# What any of them sets: a rank of a test is not one of whoever runs the tests.
VARIABLES = ("OMPI_", "PMIX_", "PMI_", "HYDI_", "MPI_LOCAL", "SLURM_")


def keeps_code_after(number):
    """Whether the launcher ends with the code of rank 0 if this signal was sent to itself. Open MPI's
    ends with 1 after INT and TERM, that of MPICH 4.0 at times with 0 after any."""
    return not HYDRA and number == signal.SIGUSR1


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return []


def below(pid):
    """All processes that came from this one, each behind its parent."""
    found = []
    for child in children_of(pid):
        found += [child, *below(child)]
    return found


def ranks_of(process):
    """Of a launcher, by rank. Hydra's has a process of its own between itself and the ranks."""
    ranks = children_of(process.pid)
    return [rank for proxy in ranks for rank in children_of(proxy)] if HYDRA else ranks
