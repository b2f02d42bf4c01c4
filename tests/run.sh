#!/usr/bin/env bash
# Installs what is missing (Debian 12), builds, and runs the tests: the release suite, then the unit
# tests (labels other than mpi and oracle) under AddressSanitizer and UndefinedBehaviorSanitizer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'TEXT'
bash tests/run.sh [--full] [--preset release|asan|ubsan|tsan] [--fuzz SECONDS]
                  [--mpi openmpi|mpich] [--hdf5 serial|parallel]
  (nothing)        release suite without its longest tests, then unit tests under ASan and UBSan
  --full           the whole suite under the sanitizers too
  --preset NAME    only this one, the whole release suite if it is that; tsan runs the unit tests
  --fuzz SECONDS   only the fuzz targets, each for so long (installs clang 16)
  --mpi mpich, --hdf5 parallel
                   only a release build with this MPI, with HDF5 of the same MPI (installs them), and
                   the tests that they can matter to: mpi and io
JOBS=n limits parallel compilers and tests; the default is the number of processors.
TEXT
}
refuse() { echo "tests/run.sh: $1" >&2; usage >&2; exit 2; }

full=0 preset="" fuzz_seconds="" mpi=openmpi hdf5=serial
while [ $# -gt 0 ]; do
  case "$1" in
    --preset | --fuzz | --mpi | --hdf5) [ $# -ge 2 ] || refuse "$1 needs a value" ;;&
    --full) full=1 ;;
    --preset) preset="$2"; shift ;;
    --fuzz) fuzz_seconds="$2"; shift
      [[ "$fuzz_seconds" =~ ^[0-9]+$ ]] || refuse "--fuzz needs a number of seconds" ;;
    --mpi) mpi="$2"; shift
      [[ "$mpi" =~ ^(openmpi|mpich)$ ]] || refuse "--mpi needs openmpi or mpich" ;;
    --hdf5) hdf5="$2"; shift
      [[ "$hdf5" =~ ^(serial|parallel)$ ]] || refuse "--hdf5 needs serial or parallel" ;;
    -h | --help) usage; exit 0 ;;
    *) refuse "unknown argument $1" ;;
  esac
  shift
done
case "$preset" in "" | release | asan | ubsan | tsan) ;; *) refuse "unknown preset $preset" ;; esac
other_libraries=0
if [ "$mpi" != openmpi ] || [ "$hdf5" != serial ]; then
  other_libraries=1
  [ -z "$fuzz_seconds" ] && [[ "$preset" =~ ^(release|)$ ]] ||
    refuse "--mpi mpich and --hdf5 parallel go with --full and JOBS alone"
fi

source apps/packages.sh
source apps/mpi_settings.sh
jobs="${JOBS:-$(nproc)}"
support="$PWD/tests/support"
export ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1"
export LSAN_OPTIONS="suppressions=$support/lsan.supp:print_suppressions=0"
export UBSAN_OPTIONS="print_stacktrace=1"
export TSAN_OPTIONS="suppressions=$support/tsan.supp:ignore_noninstrumented_modules=1"

step() { printf '\n=== %s (%ds)\n' "$1" "$SECONDS"; }

# build NAME TARGET CMAKE_ARGUMENT... -> build/NAME
build() {
  local name="$1" target="$2" log="build/$1/configure.log"
  shift 2
  step "build $name"
  mkdir -p "build/$name"
  cmake -S . -B "build/$name" -G Ninja "$@" >"$log" 2>&1 || { cat "$log" >&2; return 1; }
  cmake --build "build/$name" --target "$target" --parallel "$jobs" -- --quiet
}

suites=() failed=()
# suite NAME CTEST_ARGUMENT... runs the tests of build/NAME; a failure is remembered, not fatal.
suite() {
  local name="$1" status
  shift
  suites+=("$name")
  step "test $name"
  set +e
  # One more than cores: many tests wait for processes they started.
  ctest --test-dir "build/$name" -j "$((jobs + 1))" --timeout 600 --no-tests=error --output-on-failure \
    "$@" 2>&1 | tee "build/$name/ctest.log" |
    grep --line-buffered -v -E '^ *[0-9]+/[0-9]+ .* Passed |^ *Start '
  status=${PIPESTATUS[0]}
  set -e
  [ "$status" = 0 ] || failed+=("$name")
}

# Each of these ends the script if the build fails, so they never stand in a condition.
release_suite() {
  local which=()
  [ "$full" = 1 ] || [ "$preset" = release ] || which=(-LE long)
  build release all -DCMAKE_BUILD_TYPE=Release -DRANKINE_BUILD_TESTS=ON -DRANKINE_UNITY_TESTS=ON
  if [ "$full" = 1 ]; then
    RANKINE_KILLS=200 RANKINE_LONG=1 suite release  # kills of runs; damage everywhere
  else
    suite release "${which[@]}"
  fi
}
# With the MPI and the HDF5 library that were asked for. The launcher is of the same MPI, and so is
# h5pcc: a parallel HDF5 of another MPI would bring its library along.
library_suite() {
  local name="release-$mpi" which=(-L 'mpi|io') hdf5_options=()
  if [ "$hdf5" = parallel ]; then
    name+="-parallel"
    hdf5_options=(-DHDF5_PREFER_PARALLEL=ON "-DHDF5_C_COMPILER_EXECUTABLE=/usr/bin/h5pcc.$mpi")
  fi
  [ "$full" = 1 ] || which+=(-LE long)
  build "$name" library_tests -DCMAKE_BUILD_TYPE=Release -DRANKINE_BUILD_TESTS=ON \
    -DRANKINE_UNITY_TESTS=ON "-DMPI_CXX_COMPILER=mpicxx.$mpi" \
    "-DMPIEXEC_EXECUTABLE=/usr/bin/mpiexec.$mpi" "${hdf5_options[@]}"
  suite "$name" "${which[@]}"
}
# sanitized_suite NAME SANITIZER
sanitized_suite() {
  ulimit -s 65536 2>/dev/null || true  # frames are several times larger under sanitizers
  local which=(-LE 'mpi|oracle') target=unit_tests without=""
  if [ "$full" = 1 ]; then
    which=() target=all
  elif [ "$1" = asan-ubsan ]; then
    # Half of the compiler's time goes to these checks; most of what they find, ASan finds, too.
    without=vptr,null,alignment
  fi
  build "$1" "$target" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" \
    -DRANKINE_BUILD_TESTS=ON -DRANKINE_SANITIZE="$2" -DRANKINE_SANITIZE_WITHOUT="$without" \
    -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=8  # the release build has each source alone
  suite "$1" "${which[@]}"
}

# Which tests of a suite were skipped, with the reason each gave.
skipped() {
  awk -v suite="$1" '
    /^[0-9]+\/[0-9]+ Testing: / { name = $3 }
    /: Skipped$/ { getline reason; print "skipped in " suite ": " name ": " reason }
  ' "build/$1/Testing/Temporary/LastTest.log"
}

# The lines with which ctest closed a suite.
closing_lines() { sed -n '/tests passed, .* out of/,$p' "build/$1/ctest.log"; }

run_fuzzers() {
  ensure_packages "${build_packages[@]}" "${fuzz_packages[@]}"
  build fuzz fuzzers -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang-16 \
    -DCMAKE_CXX_COMPILER=clang++-16 -DRANKINE_BUILD_TESTS=OFF -DRANKINE_BUILD_FUZZERS=ON
  local target name words
  for target in build/fuzz/bin/fuzz_*; do
    name="${target##*/}"
    step "$name for $fuzz_seconds s"
    mkdir -p "build/fuzz/corpus/$name"
    words=()
    [ ! -f "tests/fuzz/${name#fuzz_}.dict" ] || words=(-dict="tests/fuzz/${name#fuzz_}.dict")
    # A chunk of 64 KiB or a small graph needs neither so much memory nor so much time.
    "$target" -max_total_time="$fuzz_seconds" -print_final_stats=1 -verbosity=0 -print_funcs=0 \
      "${words[@]}" -rss_limit_mb=1024 -timeout=10 -artifact_prefix="build/fuzz/$name-" \
      "build/fuzz/corpus/$name" "tests/fuzz/corpus/${name#fuzz_}"
  done
  step "no fuzz target found a fault"
}

if [ -n "$fuzz_seconds" ]; then
  run_fuzzers
  exit
fi

packages=("${build_packages[@]}" "${test_packages[@]}")
[ "$other_libraries" = 1 ] || packages+=("${slurm_packages[@]}")
[ "$mpi" = openmpi ] || packages+=("${mpich_packages[@]}")
[ "$hdf5" = serial ] || packages+=("libhdf5-$mpi-dev")
ensure_packages "${packages[@]}"
[ "$other_libraries" = 0 ] || preset=library
case "$preset" in
  library) library_suite ;;
  "") release_suite; sanitized_suite asan-ubsan address,undefined ;;
  release) release_suite ;;
  asan) sanitized_suite asan address ;;
  ubsan) sanitized_suite ubsan undefined ;;
  tsan) sanitized_suite tsan thread ;;
esac

# Last of all stand the closing lines of one suite: the first that failed, else the first.
step "summary"
for name in "${suites[@]}"; do skipped "$name"; done
for name in "${suites[@]}"; do
  printf '%-11s %s\n' "$name" "$(closing_lines "$name" | head -n 1)"
done
echo
closing_lines "${failed[0]:-${suites[0]}}"
[ ${#failed[@]} = 0 ]
