// Filters that HDF5 need not have to write files that use them: their chunks are encoded elsewhere.
#pragma once

#include <cstdint>
#include <set>

namespace rankine::io {

// While one of these lives, the library takes the filters for its own, by the names their plugins
// have, and loads no plugins for them; it cannot apply them. Those it has built in stay as they
// are. The HDF5 lock is held when it is made and destroyed, and all that was created with it is
// closed.
class StandInFilters {
 public:
  // ids: among those of io/codec/table.h that have `encode`. Throws Error (task failed).
  explicit StandInFilters(std::set<std::uint32_t> ids);
  ~StandInFilters();
  StandInFilters(const StandInFilters&) = delete;
  StandInFilters& operator=(const StandInFilters&) = delete;

 private:
  std::set<std::uint32_t> ids_;
};

}  // namespace rankine::io
