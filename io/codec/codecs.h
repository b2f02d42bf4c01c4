// The codecs: bytes of one chunk -> bytes as one HDF5 filter stores them, and back. Reached through
// table.h.
//
// decode_x fills `out`, which has the size the chunk had before encoding, and throws Error (input)
// that names the fault if `in` is not exactly one stream for that size. Whatever the bytes are,
// nothing outside `in` is read and no more memory is taken than the size of `out` asks for.
// encode_x returns how many bytes of `out` it filled; `out` holds at least bound_x(...) bytes.
// Its bytes depend on the arguments and the version of the library only.
// in and out never overlap. Parameters: the filter's numbers as they stand in the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "io/codec/scratch.h"

namespace rankine::io {

using ByteView = std::span<const std::byte>;
using Room = std::span<std::byte>;
using Parameters = std::span<const std::uint32_t>;

Error corrupt(std::string what);

void decode_deflate(Parameters, ByteView in, Room out, CodecScratch&);
std::size_t encode_deflate(Parameters, ByteView in, Room out, CodecScratch&);
std::size_t bound_deflate(Parameters, std::size_t bytes);

void decode_shuffle(Parameters, ByteView in, Room out, CodecScratch&);
std::size_t encode_shuffle(Parameters, ByteView in, Room out, CodecScratch&);

void decode_zstd(Parameters, ByteView in, Room out, CodecScratch&);
std::size_t encode_zstd(Parameters, ByteView in, Room out, CodecScratch&);
std::size_t bound_zstd(Parameters, std::size_t bytes);

void decode_lz4(Parameters, ByteView in, Room out, CodecScratch&);
std::size_t encode_lz4(Parameters, ByteView in, Room out, CodecScratch&);
std::size_t bound_lz4(Parameters, std::size_t bytes);

void decode_blosc(Parameters, ByteView in, Room out, CodecScratch&);
std::size_t encode_blosc(Parameters, ByteView in, Room out, CodecScratch&);
std::size_t bound_blosc(Parameters, std::size_t bytes);

void decode_bitshuffle(Parameters, ByteView in, Room out, CodecScratch&);
std::size_t encode_bitshuffle(Parameters, ByteView in, Room out, CodecScratch&);
std::size_t bound_bitshuffle(Parameters, std::size_t bytes);
bool bitshuffle_compresses(Parameters);

void decode_lzf(Parameters, ByteView in, Room out, CodecScratch&);
void decode_bzip2(Parameters, ByteView in, Room out, CodecScratch&);

}  // namespace rankine::io
