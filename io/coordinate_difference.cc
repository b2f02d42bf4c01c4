#include "io/coordinate_difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "io/probe.h"
#include "io/reader.h"

namespace rankine::io {

std::string difference_of(std::span<const double> here, std::span<const double> in_first,
                          const std::string& first) {
  if (here.size() != in_first.size()) {
    return fmt::format("there are {} values here and {} in {}", here.size(), in_first.size(),
                       first);
  }
  std::size_t at = 0;
  std::size_t count = 0;
  double most = 0;
  for (std::size_t i = 0; i < here.size(); ++i) {
    const bool same = here[i] == in_first[i] || (std::isnan(here[i]) && std::isnan(in_first[i]));
    if (same) continue;
    if (count++ == 0) at = i;
    const double apart = std::abs(here[i] - in_first[i]);
    if (apart > most) most = apart;
  }
  if (count == 0) return {};
  return fmt::format("value {} is {} here and {} in {} ({} of {} differ, by at most {:.3g})", at,
                     here[at], in_first[at], first, count, here.size(), most);
}

std::string remedy_of_difference(const std::string& coordinate, const std::string& first,
                                 const std::string& here) {
  return fmt::format(
      "leave the file out, or if the same values are meant, copy them: ncks -A -v {} {} {}",
      coordinate.substr(coordinate.rfind('/') + 1), first, here);
}

std::vector<double> stored_values(const FileInfo& file, const std::string& variable) {
  const Dataset dataset = without_conventions(make_dataset(file, variable));
  const std::vector<ChunkMap> maps = probe_maps({&dataset});
  const DatasetReader reader(dataset, maps.front());
  Numbers numbers{dataset.dtype, {}};
  const Box box = Box::whole(dataset.grid.shape());
  numbers.bytes.resize(static_cast<std::size_t>(box.size()) * size_of(dataset.dtype));
  ReadScratch scratch;
  ReadStats stats;
  if (box.size() > 0) reader.read(box, numbers.bytes.data(), scratch, stats);
  std::vector<double> values(numbers.count());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = numbers.as_double(i);
  return values;
}

}  // namespace rankine::io
