// A chunk index as few bytes: what the child that looks into files sends, and what goes to the
// ranks.
#pragma once

#include <string>
#include <string_view>

#include "io/h5/file_info.h"

namespace rankine::io {

// Chunks that lie one behind the other, are of one size, or were never written take next to
// nothing; others some 4 bytes. O(chunks).
std::string pack_index(const ChunkIndex& index);

// Throws Error (input) unless the bytes are those of an index; never takes more memory than one of
// kMostChunks entries.
ChunkIndex unpack_index(std::string_view bytes);

}  // namespace rankine::io
