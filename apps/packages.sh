# The Debian 12 packages this project needs, and how scripts get them. To be sourced.

build_packages=(
  g++ cmake ninja-build pkg-config
  libopenmpi-dev openmpi-bin libhdf5-dev
  libcereal-dev libfmt-dev nlohmann-json3-dev libcli11-dev libdeflate-dev libxxhash-dev
  libzstd-dev liblz4-dev libblosc-dev liblzf-dev libbz2-dev
)
mpich_packages=(libmpich-dev mpich)  # beside Open MPI, for tests/run.sh --mpi mpich
# Oracles and peers of the tests.
test_packages=(
  libgtest-dev python3 python3-numpy python3-h5py python3-xarray python3-netcdf4 python3-cftime python3-h5netcdf
  netcdf-bin nco cdo hdf5-tools time ca-certificates
  hdf5-filter-plugin hdf5-filter-plugin-blosc-serial bitshuffle python3-zstandard
  groff-base lmod strace
)
# Slurm on two hosts of one machine (slurm/testbed).
slurm_packages=(slurm-wlm munge iproute2)
fuzz_packages=(clang-16 libclang-rt-16-dev libomp-16-dev)

missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      echo "$package"
  done
}

# ensure_packages NAME... installs what is missing and is quick when nothing is.
ensure_packages() {
  local missing as_root=()
  command -v dpkg-query >/dev/null || {
    echo "no dpkg here: these Debian packages are taken to be present: $*" >&2
    return 0
  }
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
      echo "missing packages; as root: apt-get install ${missing[*]}" >&2
      return 1
    }
    as_root=(sudo)
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive)
  echo "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -q || { sleep 5; "${as_root[@]}" apt-get update -q; } ||
    echo "apt-get update failed; trying with the lists there are" >&2
  "${as_root[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}"
}
