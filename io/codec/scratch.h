// What the codecs keep from chunk to chunk in one thread: contexts of the libraries and buffers,
// each made when it is first needed.
#pragma once

#include <cstddef>
#include <memory>

#include "io/codec/growing_buffer.h"

struct libdeflate_compressor;
struct libdeflate_decompressor;
struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace rankine::io {

class CodecScratch {
 public:
  CodecScratch();
  ~CodecScratch();
  CodecScratch(CodecScratch&&) noexcept;
  CodecScratch& operator=(CodecScratch&&) noexcept;

  // All throw Error (task failed) when memory ends.
  libdeflate_decompressor* inflater();
  libdeflate_compressor* deflater(int level);
  ZSTD_DCtx_s* zstd_decoder();
  ZSTD_CCtx_s* zstd_encoder(int level);  // one thread, no dictionary
  void* lz4_state();

  GrowingBuffer block;     // of a codec that works block by block
  GrowingBuffer bzip2[3];  // what libbz2 would allocate for every chunk

  std::size_t capacity() const;  // bytes of the buffers

 private:
  struct Free {
    void operator()(libdeflate_decompressor* context) const;
    void operator()(libdeflate_compressor* context) const;
    void operator()(ZSTD_DCtx_s* context) const;
    void operator()(ZSTD_CCtx_s* context) const;
  };
  std::unique_ptr<libdeflate_decompressor, Free> inflater_;
  std::unique_ptr<libdeflate_compressor, Free> deflater_;
  int deflater_level_ = 0;
  std::unique_ptr<ZSTD_DCtx_s, Free> zstd_decoder_;
  std::unique_ptr<ZSTD_CCtx_s, Free> zstd_encoder_;
  GrowingBuffer lz4_state_;
};

}  // namespace rankine::io
