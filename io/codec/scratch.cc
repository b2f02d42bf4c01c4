#include "io/codec/scratch.h"

#include <libdeflate.h>
#include <lz4.h>
#include <zstd.h>

namespace rankine::io {
namespace {

template <class Owner>
auto* held(const Owner& owner, const char* what) {
  if (!owner) throw Error(ExitCode::kTaskFailed, std::string("no memory for ") + what);
  return owner.get();
}

}  // namespace

CodecScratch::CodecScratch() = default;
CodecScratch::~CodecScratch() = default;
CodecScratch::CodecScratch(CodecScratch&&) noexcept = default;
CodecScratch& CodecScratch::operator=(CodecScratch&&) noexcept = default;

void CodecScratch::Free::operator()(libdeflate_decompressor* context) const {
  libdeflate_free_decompressor(context);
}
void CodecScratch::Free::operator()(libdeflate_compressor* context) const {
  libdeflate_free_compressor(context);
}
void CodecScratch::Free::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }
void CodecScratch::Free::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

libdeflate_decompressor* CodecScratch::inflater() {
  if (!inflater_) inflater_.reset(libdeflate_alloc_decompressor());
  return held(inflater_, "a decompressor");
}

libdeflate_compressor* CodecScratch::deflater(int level) {
  if (!deflater_ || deflater_level_ != level) {
    deflater_.reset(libdeflate_alloc_compressor(level));
    deflater_level_ = level;
  }
  return held(deflater_, "compression");
}

ZSTD_DCtx_s* CodecScratch::zstd_decoder() {
  if (!zstd_decoder_) zstd_decoder_.reset(ZSTD_createDCtx());
  return held(zstd_decoder_, "a decompressor");
}

ZSTD_CCtx_s* CodecScratch::zstd_encoder(int level) {
  if (!zstd_encoder_) zstd_encoder_.reset(ZSTD_createCCtx());
  ZSTD_CCtx_s* context = held(zstd_encoder_, "compression");
  for (const auto& [parameter, value] :
       {std::pair{ZSTD_c_compressionLevel, level}, std::pair{ZSTD_c_nbWorkers, 0}}) {
    if (ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)) != 0) {
      throw Error(ExitCode::kTaskFailed, "zstd refuses level " + std::to_string(level));
    }
  }
  return context;
}

void* CodecScratch::lz4_state() {
  return lz4_state_.reserve(static_cast<std::size_t>(LZ4_sizeofState()));
}

std::size_t CodecScratch::capacity() const {
  return block.capacity() + bzip2[0].capacity() + bzip2[1].capacity() + bzip2[2].capacity();
}

}  // namespace rankine::io
