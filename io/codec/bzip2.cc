// Filter 307: one bzip2 stream.
#include <bzlib.h>

#include <cstddef>

#include "io/codec/codecs.h"

namespace rankine::io {
namespace {

// Gives libbz2 the buffers of the scratch, one for each of its allocations, of which decoding makes
// two. Nothing is thrown through C: without memory it gets none.
struct Allocations {
  CodecScratch& scratch;
  std::size_t made = 0;

  static void* make(void* self, int count, int size) {
    auto& all = *static_cast<Allocations*>(self);
    if (all.made == std::size(all.scratch.bzip2)) return nullptr;
    try {
      return all.scratch.bzip2[all.made++].reserve(static_cast<std::size_t>(count) *
                                                   static_cast<std::size_t>(size));
    } catch (const Error&) {
      return nullptr;
    }
  }
  static void release(void*, void*) {}
};

}  // namespace

void decode_bzip2(Parameters, ByteView in, Room out, CodecScratch& scratch) {
  Allocations allocations{scratch};
  bz_stream stream{};
  stream.bzalloc = Allocations::make;
  stream.bzfree = Allocations::release;
  stream.opaque = &allocations;
  if (BZ2_bzDecompressInit(&stream, 0, 0) != BZ_OK) {
    throw Error(ExitCode::kTaskFailed, "no memory for a decompressor");
  }
  stream.next_in = const_cast<char*>(reinterpret_cast<const char*>(in.data()));  // is not written
  stream.avail_in = static_cast<unsigned>(in.size());
  stream.next_out = reinterpret_cast<char*>(out.data());
  stream.avail_out = static_cast<unsigned>(out.size());
  int result = BZ2_bzDecompress(&stream);
  // The end of the stream may need a call of its own when there is no room left.
  if (result == BZ_OK && stream.avail_out == 0) result = BZ2_bzDecompress(&stream);
  BZ2_bzDecompressEnd(&stream);
  if (result == BZ_MEM_ERROR) throw Error(ExitCode::kTaskFailed, "no memory for a decompressor");
  if (result == BZ_OK && stream.avail_out > 0) throw corrupt("a bzip2 stream is cut short");
  if (result == BZ_OK) throw corrupt("a bzip2 stream is too long");
  if (result != BZ_STREAM_END) throw corrupt("corrupt bzip2 stream");
  if (stream.avail_out > 0) throw corrupt("a bzip2 stream is too short");
}

}  // namespace rankine::io
