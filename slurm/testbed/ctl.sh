# The init of host ctl: bash ctl.sh BED [FOLDER]... Started by `up` in namespaces of its own.
set -euo pipefail
bed="$1"
shift
folders=("$@")

hostname ctl
mount --bind "$bed/hosts" /etc/hosts
mount --bind "$bed/etc" /etc/slurm
ip link set lo up
ip link add bridge type bridge
ip address add 10.77.0.1/24 dev bridge
ip link set bridge up

# The controller knows its users by munge; one daemon, whose socket all hosts see.
munged --key-file="$bed/munge.key" --socket="$bed/munge.socket" --pid-file="$bed/munged.pid" \
  --log-file="$bed/munged.log" --seed-file="$bed/munged.seed" --num-threads=2

# A network namespace of its own, with a cable to the bridge; kept by a file while the host is off.
make_network() {
  local host="$1" address="$2"
  touch "$bed/net.$host"
  unshare --net="$bed/net.$host" true
  ip link add "$host" type veth peer name eth0 netns "$bed/net.$host"
  ip link set "$host" master bridge up
  nsenter --net="$bed/net.$host" ip link set lo up
  nsenter --net="$bed/net.$host" ip address add "$address/24" dev eth0
  nsenter --net="$bed/net.$host" ip link set eth0 up
}

# A host that was killed boots again at once, unless $bed/HOST.off is there: then once that is gone.
# The sysfs of the machine stays mounted (`ip netns exec` would mount another), for slurmd looks for
# its control groups there.
keep_host() {
  local host="$1"
  while true; do
    nsenter --net="$bed/net.$host" \
      unshare --uts --ipc --mount --pid --fork --mount-proc --kill-child=KILL \
      bash "$(dirname "${BASH_SOURCE[0]}")/host.sh" "$bed" "$host" "${folders[@]}" &
    echo $! >"$bed/$host.pid"
    wait $! || true
    while [ -e "$bed/$host.off" ]; do sleep 0.2; done
  done
}

make_network n1 10.77.0.11
make_network n2 10.77.0.12
keep_host n1 &
keep_host n2 &
slurmctld -D &
wait $!
