# cmake -DCOMPILER=<c++> -DROOT=<source tree> -P tests/compile_fail_test.cmake
#
# Tasks and functions on blocks that cannot run on another rank do not compile, and the compiler
# says what to do.
cmake_minimum_required(VERSION 3.25)

# Read once by the compiler: what all cases include.
set(prelude "${CMAKE_CURRENT_BINARY_DIR}/compile_fail_prelude.h")
file(WRITE "${prelude}" "#include \"runtime/api/delayed.h\"
#include \"runtime/api/reduction.h\"
#include \"runtime/api/task_grid.h\"
")
execute_process(COMMAND ${COMPILER} -std=c++20 -I${ROOT} -x c++-header "${prelude}"
  -o "${prelude}.gch" COMMAND_ERROR_IS_FATAL ANY)

# expect(NAME CODE TEXT): CODE, inside a function, fails with a message that holds TEXT; an empty
# TEXT: it compiles.
function(expect name code text)
  set(source "${CMAKE_CURRENT_BINARY_DIR}/compile_fail_${name}.cc")
  file(WRITE "${source}" "#include \"compile_fail_prelude.h\"
using namespace rankine;
struct Mute { int x = 0; };
struct Counts { int n = 0; int operator()(const GridPoint&) { return ++n; } };
struct Loud { std::string x; };
struct Grows { int by = 1; int operator()(int x) const { return x + by; } };
void test() {
  int captured = 1;
  (void)captured;
  const Array x = zeros({2});
  ${code}
}
")
  execute_process(COMMAND ${COMPILER} -std=c++20 -fsyntax-only -I${ROOT} "${source}"
    RESULT_VARIABLE status ERROR_VARIABLE errors)
  file(REMOVE "${source}")
  if(text STREQUAL "" AND NOT status EQUAL 0)
    message(FATAL_ERROR "${name} does not compile:\n${errors}")
  elseif(NOT text STREQUAL "" AND status EQUAL 0)
    message(FATAL_ERROR "${name} compiles")
  endif()
  string(FIND "${errors}" "${text}" found)
  if(found EQUAL -1)
    message(FATAL_ERROR "${name}: the message lacks \"${text}\":\n${errors}")
  endif()
endfunction()

expect(fine "delayed([](int x) { return x + 1; }, 2);" "")
expect(captures "delayed([captured](int x) { return x + captured; }, 2);"
  "pass what a lambda would capture")
expect(state_without_serialize "delayed(Grows{2}, 2);" "template <class A> void serialize(A& archive)")
expect(argument_without_serialize "delayed([](Mute m) { return m.x; }, Mute{});"
  "an argument of a task needs")
expect(result_without_serialize "delayed([](int x) { return Mute{x}; }, 1);"
  "the result of a task needs")
expect(pointer "delayed([](int* x) { return *x; }, &captured);" "an argument of a task needs")
expect(wrong_arguments "delayed([](int x) { return x; }, std::string());"
  "cannot be called with these arguments")
expect(reference "delayed([](int& x) { return x; }, 1);" "cannot be called with these arguments")

set(fill "[](Block<const double> x, Block<double> y) { y[0] = x[0]; }")
set(join "[](Block<double> a, Block<const double> b) { a[0] += b[0]; }")
expect(blocks_fine "map_blocks(${fill}, x); map_overlap(${fill}, x, {{0, 1}});
  reduction(x, 0, ${fill}, ${join}); reduction(x, 0, ${fill}, ${join}, ${fill}, {.state = {2}});" "")
expect(blocks_capture
  "map_blocks([captured](Block<const double>, Block<double> y) { y[0] = captured; }, x);"
  "pass what a lambda would capture")
expect(blocks_generic "map_blocks([](auto x, auto y) { y[0] = x[0]; }, x);"
  "says the types of its parameters")
expect(blocks_order "map_blocks([](Block<double> y, Block<const double> x) { y[0] = x[0]; }, x);"
  "takes first a Block<const T> for each array")
expect(blocks_elements "map_blocks([](Block<const Mute>, Block<double>) {}, x);"
  "blocks have elements of bool")
expect(blocks_nothing "map_blocks([](Block<const double> x) { return x[0]; }, x);"
  "fills a Block<T>, its last parameter, or returns")
expect(blocks_missing "map_blocks([](Block<const double>, Block<const double>, Block<double>) {}, x);"
  "is given an array for each Block<const T>")
expect(blocks_value "map_blocks([](Block<const double>, int, Block<double>) {}, x, \"word\");"
  "does not convert to its parameter")
expect(states_differ
  "reduction(x, 0, ${fill}, [](Block<float> a, Block<const float> b) { a[0] += b[0]; });"
  "name different types of states")
expect(no_combination "reduction(x, 0, ${fill}, ${fill});" "a Block<S>, which it changes")
# The same for functions on a grid.
expect(grid_fine "TaskGrid<int>({2, 3}, [](const GridPoint& at, const Inputs<int>& u, Mute m) {
  return u.empty() ? m.x : u[0] + static_cast<int>(at[1]); },
  itself(reach::offset(-1), reach::same()), Mute{7});" "")
expect(grid_captures "TaskGrid<int>({2}, [captured](const GridPoint&) { return captured; });"
  "pass what a lambda would capture")
expect(grid_mutable "TaskGrid<int>({2}, Counts());"
  "a call operator must be const")
expect(grid_result "TaskGrid<Loud>({2}, [](const GridPoint&) { return Loud(); });"
  "the result of a grid's task needs")
expect(grid_other_result "TaskGrid<int>({2}, [](const GridPoint&) { return std::string(); });"
  "the function of a TaskGrid<T> returns a T")
expect(grid_parameter "TaskGrid<int>({2}, [](const GridPoint&, const Loud&) { return 1; }, Loud());"
  "a parameter of a grid needs")
expect(grid_input_type "TaskGrid<int>({2}, [](const GridPoint&, const Inputs<double>&) { return 1; },
  itself(reach::offset(-1)));" "cannot be called with (const GridPoint&, an Inputs<U> for each input")
expect(grid_no_point "TaskGrid<int>({2}, [](int x) { return x; }, 1);"
  "cannot be called with (const GridPoint&")
