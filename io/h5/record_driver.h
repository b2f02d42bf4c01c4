// Where the chunks of a data set lie, by recording the reads that the library would do.
//
// The library's own question for a chunk's place walks the whole index on every call. So the file
// is opened through a driver (H5FD_class_t) whose read of raw data, while armed, only notes address
// and length; H5Dread_chunk then does one O(log n) look-up and moves nothing.
#pragma once

#include <cstdint>
#include <string>

#include "io/h5/file_info.h"
#include "runtime/base/function_ref.h"

namespace rankine::io {

// Most chunks of one data set; an index holds 16 bytes for each.
inline constexpr std::int64_t kMostChunks = std::int64_t{1} << 26;

// One entry per chunk of a chunked data set, in row-major order of chunk coordinates. Takes the
// HDF5 lock. Throws Error (input) if file or data set cannot be opened, the data set is not chunked
// or has too many chunks, or the index is damaged: each chunk found must lie inside the file, and
// if some are not found, their number must be the one the library counts. alive: called now and
// then, as there may be many.
ChunkIndex record_index(
    const std::string& path, const std::string& dataset, FunctionRef<void()> alive = [] {});

}  // namespace rankine::io
