# What the scripts of the test bed share. To be sourced.
#
# A test bed is one process tree: the init of host "ctl" (ctl.sh) in namespaces of its own (process,
# mount, network, host name, IPC), and below it the hosts n1 and n2, each again in its own. All that
# lives in the bed is in the process namespace of that init and all that is mounted or joined to a
# network is in its namespaces: when the init is killed the kernel ends everything. Nothing has a
# name on the machine but the folder of the bed, so that several may be up at a time.

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
bed="${RANKINE_TESTBED:-/run/rankine-testbed}"
hosts=(n1 n2)

fail() { echo "slurm/testbed: $1" >&2; exit 1; }
# For tests: the exit code with which they know that there cannot be a bed here.
cannot() { echo "slurm/testbed: $1" >&2; exit 77; }

# The process that holds the bed: `unshare`, parent of the init. It wrote its number before it
# became that, so there is no bed without; its arguments name the folder, so a number that was given
# to another process since is not taken for it.
holder() {
  local pid
  pid="$(cat "$bed/holder" 2>/dev/null)" || return 1
  [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] || return 1
  tr '\0' ' ' <"/proc/$pid/cmdline" | grep -F -- "/ctl.sh $bed " >/dev/null && echo "$pid"
}

# As the machine sees it.
init_of_bed() {
  local pid child
  pid="$(holder)" || return 1
  child="$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)" || return 1
  [ -n "$child" ] && echo "${child%% *}"
}

# inside CMD...: on host ctl, in the same folder as here.
inside() {
  local init
  init="$(init_of_bed)" || fail "no test bed is up in $bed"
  nsenter --target "$init" --mount --uts --ipc --net --pid \
    env --chdir="$PWD" --unset=SLURM_CONF RANKINE_TESTBED="$bed" "$@"
}

end_processes() {
  local pid
  pid="$(holder)" || return 0
  # The kernel keeps an init until the last process of its namespace is gone, and the holder waits
  # for the init: when it ends nobody writes to the folder any more.
  kill -KILL "$(init_of_bed || echo "$pid")" 2>/dev/null || true
  while holder >/dev/null; do sleep 0.05; done
}

# What `up` makes first: a folder without it is none of ours, and nothing in it is removed.
ours() { [ -e "$bed/holder" ]; }

# Ends all of it; also what a failed or killed `up` left. Harmless where there is nothing.
take_down() {
  end_processes
  if ours; then rm -rf -- "${bed:?}"; elif [ -d "$bed" ]; then rmdir -- "$bed"; fi
}
