// Filter 32015: zstd frames. Parameters: level.
#include <zstd.h>

#include "io/codec/codecs.h"

namespace rankine::io {

void decode_zstd(Parameters, ByteView in, Room out, CodecScratch& scratch) {
  const std::size_t result =
      ZSTD_decompressDCtx(scratch.zstd_decoder(), out.data(), out.size(), in.data(), in.size());
  if (ZSTD_isError(result) != 0) {
    throw corrupt(std::string("corrupt zstd stream (") + ZSTD_getErrorName(result) + ")");
  }
  if (result != out.size()) throw corrupt("a zstd stream is too short");
}

std::size_t encode_zstd(Parameters parameters, ByteView in, Room out, CodecScratch& scratch) {
  const int level = parameters.empty() ? 3 : static_cast<int>(parameters[0]);
  const std::size_t used =
      ZSTD_compress2(scratch.zstd_encoder(level), out.data(), out.size(), in.data(), in.size());
  if (ZSTD_isError(used) != 0) {
    throw Error(ExitCode::kTaskFailed, std::string("zstd: ") + ZSTD_getErrorName(used));
  }
  return used;
}

std::size_t bound_zstd(Parameters, std::size_t bytes) { return ZSTD_compressBound(bytes); }

}  // namespace rankine::io
