#include "io/h5/stand_in_filters.h"

#include "io/codec/table.h"
#include "io/h5/handles.h"

namespace rankine::io {
namespace {

std::size_t apply_nothing(unsigned, std::size_t, const unsigned[], std::size_t, std::size_t*,
                          void**) {
  return 0;  // an error
}

}  // namespace

StandInFilters::StandInFilters(std::set<std::uint32_t> ids) : ids_(std::move(ids)) {
  std::erase_if(ids_, [](std::uint32_t id) { return id <= H5Z_FILTER_RESERVED; });
  for (const std::uint32_t id : ids_) {
    const H5Z_class2_t description{H5Z_CLASS_T_VERS,
                                   static_cast<H5Z_filter_t>(id),
                                   1,
                                   1,
                                   find_filter(id)->label,
                                   nullptr,
                                   nullptr,
                                   apply_nothing};
    h5_check(H5Zregister(&description), "register a filter", "", ExitCode::kTaskFailed);
  }
}

StandInFilters::~StandInFilters() {
  for (const std::uint32_t id : ids_) H5Zunregister(static_cast<H5Z_filter_t>(id));
  H5Eclear2(H5E_DEFAULT);
}

}  // namespace rankine::io
