// Filter 32001: one buffer of Blosc 1 with any of its compressors. Parameters: version of the
// filter and of the format, element size, bytes of a chunk, level, shuffle, compressor.
#include <blosc.h>

#include <algorithm>

#include "io/codec/codecs.h"

namespace rankine::io {
namespace {

// The default depends on the version of the library.
constexpr std::size_t kBlock = std::size_t{128} << 10;

std::uint32_t parameter(Parameters parameters, std::size_t i, std::uint32_t otherwise) {
  return i < parameters.size() ? parameters[i] : otherwise;
}

}  // namespace

void decode_blosc(Parameters, ByteView in, Room out, CodecScratch&) {
  std::size_t bytes = 0;
  if (in.size() < BLOSC_MIN_HEADER_LENGTH ||
      blosc_cbuffer_validate(in.data(), in.size(), &bytes) != 0) {
    throw corrupt("corrupt blosc header");
  }
  if (bytes != out.size()) {
    throw corrupt("a blosc buffer holds " + std::to_string(bytes) + " bytes instead of " +
                  std::to_string(out.size()));
  }
  const char* name = blosc_cbuffer_complib(in.data());
  if (name == nullptr) throw corrupt("a blosc buffer of an unknown compressor");
  const int result = blosc_decompress_ctx(in.data(), out.data(), out.size(), 1);
  if (result < 0 || static_cast<std::size_t>(result) != out.size()) {
    throw corrupt(std::string("corrupt blosc buffer (") + name + ")");
  }
}

std::size_t encode_blosc(Parameters parameters, ByteView in, Room out, CodecScratch&) {
  const char* name = nullptr;
  if (blosc_compcode_to_compname(static_cast<int>(parameter(parameters, 6, BLOSC_BLOSCLZ)), &name) <
          0 ||
      name == nullptr) {
    throw Error(ExitCode::kTaskFailed, "this blosc library lacks a compressor");
  }
  const int used = blosc_compress_ctx(static_cast<int>(parameter(parameters, 4, 5)),
                                      static_cast<int>(parameter(parameters, 5, 1)),
                                      std::max(parameter(parameters, 2, 1), 1u), in.size(),
                                      in.data(), out.data(), out.size(), name, kBlock, 1);
  if (used <= 0) throw Error(ExitCode::kTaskFailed, "blosc cannot compress a chunk");
  return static_cast<std::size_t>(used);
}

std::size_t bound_blosc(Parameters, std::size_t bytes) { return bytes + BLOSC_MAX_OVERHEAD; }

}  // namespace rankine::io
