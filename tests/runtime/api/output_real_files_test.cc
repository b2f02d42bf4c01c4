// Outputs described from files of other people, opened by xarray.
#include <algorithm>
#include <filesystem>

#include "io/probe.h"
#include "runtime/base/error.h"
#include "runtime/expr/build.h"
#include "tests/runtime/api/support.h"
#include "tests/support/data_files.h"

namespace rankine::api::test {
namespace {

using testing::data_files;

// At most three elements along each axis, backwards.
Array small_part(const Array& array) {
  std::vector<Index> index;
  for (const std::int64_t length : array.shape()) {
    index.push_back(Range{std::min<std::int64_t>(length, 6) - 1, std::nullopt, -2});
  }
  return array[index];
}

// Every variable of numbers that can be read, as far as its file goes.
std::vector<Array> arrays_of(const std::shared_ptr<const io::FileInfo>& file) {
  constexpr std::size_t kMost = 12;  // of one file
  std::vector<Array> arrays;
  for (const io::Variable& variable : file->variables) {
    if (arrays.size() == kMost) break;
    if (!variable.dtype || variable.null_space || !variable.read_problem.empty()) continue;
    if (variable.is_pure_dimension || variable.shape.size() > 6) continue;
    arrays.push_back(small_part(open_variable(file, variable.path, Location::current())));
  }
  return arrays;
}

TEST(RealFiles, GiveOutputsThatXarrayAndNetcdfOpen) {
  const std::vector<std::string> files = data_files();
  if (files.empty()) GTEST_SKIP() << "the collection of real files is not at " RANKINE_DATA_DIR;
  TempFolder folder;
  int written = 0;
  int coordinates = 0;
  std::vector<io::Probed> probed = io::try_probe_files(files);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!probed[i].info) continue;
    SCOPED_TRACE(files[i]);
    const auto file = std::make_shared<const io::FileInfo>(std::move(*probed[i].info));
    std::vector<NamedArray> arrays;
    for (const Array& array : arrays_of(file)) {
      arrays.push_back({"x" + std::to_string(arrays.size()), array.node()});
    }
    if (arrays.empty()) continue;
    try {
      const io::OutputFile described = describe_output(arrays, {});
      coordinates += static_cast<int>(described.variables.size() - arrays.size());
      write_described(folder / (std::to_string(i) + ".nc"), described);
      ++written;
    } catch (const Error& error) {
      ADD_FAILURE() << error.block();
    }
  }
  std::printf("%d files written, %d variables went along\n", written, coordinates);
  EXPECT_GT(written, 0);
  const CommandResult opened = run_python(folder.path(), R"(
import glob, xarray as xr
for path in sorted(glob.glob('*.nc')):
    try:
        raw = nc.Dataset(path); raw.set_auto_maskandscale(False)
        for name in raw.variables: raw[name][...]
        xr.open_dataset(path, decode_times=False).load()
    except Exception as e:
        print(path, type(e).__name__, e)
)");
  EXPECT_EQ(opened.text, "");
}

}  // namespace
}  // namespace rankine::api::test
