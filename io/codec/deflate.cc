// Filter 1: one zlib stream. Parameters: level.
#include <libdeflate.h>

#include "io/codec/codecs.h"

namespace rankine::io {

void decode_deflate(Parameters, ByteView in, Room out, CodecScratch& scratch) {
  // Without a place for the actual size, any other size than the expected one is an error.
  const auto result = libdeflate_zlib_decompress(scratch.inflater(), in.data(), in.size(),
                                                 out.data(), out.size(), nullptr);
  if (result != LIBDEFLATE_SUCCESS) throw corrupt("corrupt deflate stream");
}

std::size_t encode_deflate(Parameters parameters, ByteView in, Room out, CodecScratch& scratch) {
  const int level = parameters.empty() ? 6 : static_cast<int>(parameters[0]);
  return libdeflate_zlib_compress(scratch.deflater(level), in.data(), in.size(), out.data(),
                                  out.size());
}

std::size_t bound_deflate(Parameters, std::size_t bytes) {
  return libdeflate_zlib_compress_bound(nullptr, bytes);
}

}  // namespace rankine::io
