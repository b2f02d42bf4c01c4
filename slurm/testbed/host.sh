# The init of a host: bash host.sh BED NAME [FOLDER]... Started by ctl.sh in namespaces of its own.
set -euo pipefail
bed="$1" name="$2"
shift 2

hostname "$name"
# Taken hold of before /tmp and /dev/shm are covered.
kept=()
for folder in "$@"; do
  exec {descriptor}<"$folder"
  kept+=("$descriptor")
done
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
for folder in "$@"; do
  descriptor="${kept[0]}" kept=("${kept[@]:1}")
  mkdir -p "$folder"
  # The kernel goes by the descriptor; by its path mount would find what covers the folder now.
  mount --no-canonicalize --bind "/proc/self/fd/$descriptor" "$folder"
  exec {descriptor}<&-
done

# What steps left here when the host was killed would be in the way of the same steps now.
rm -rf -- "${bed:?}/$name"/*

# A daemon that was killed starts again, as systemd does with it.
while true; do
  slurmd -D -N "$name" &
  wait $! || true
  sleep 1
done
