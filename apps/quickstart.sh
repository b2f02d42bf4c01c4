#!/usr/bin/env bash
# The main job on a sample, from a fresh checkout: installs what is missing (Debian 12), builds, and
# removes the time mean from a temperature field of 365 x 361 x 720 numbers on three MPI ranks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source apps/packages.sh
source apps/mpi_settings.sh

ensure_packages "${build_packages[@]}"
# tests/run.sh configures the same folder with the tests; what is configured stays as it is.
[ -f build/release/build.ninja ] ||
  cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release -DRANKINE_BUILD_TESTS=OFF
cmake --build build/release --target rankine --parallel "$(nproc)" -- --quiet

rankine=build/release/bin/rankine
mkdir -p build/sample
show() { printf '\n$ %s\n' "${*@Q}"; "$@"; }
show $rankine sample -o build/sample/sample.nc --seed 1 --shape 365,361,720
show mpirun -n 3 $rankine eval 'anom = t2m - mean(t2m, time)' build/sample/sample.nc \
  -o build/sample/anom.nc --overwrite
show $rankine info build/sample/anom.nc
