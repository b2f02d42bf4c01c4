#include "io/codec/shuffle.h"

#include <algorithm>

#include "io/codec/codecs.h"

namespace rankine::io {
namespace {

// A fixed element size lets the compiler turn the loops into byte permutations of whole vectors.
template <std::size_t kSize>
void shuffle_fixed(const std::byte* in, std::size_t count, std::byte* __restrict out) {
  for (std::size_t byte = 0; byte < kSize; ++byte) {
    const std::byte* from = in + byte;
    std::byte* to = out + byte * count;
    for (std::size_t i = 0; i < count; ++i) to[i] = from[i * kSize];
  }
}

template <std::size_t kSize>
void unshuffle_fixed(const std::byte* in, std::size_t count, std::byte* __restrict out) {
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t byte = 0; byte < kSize; ++byte) out[i * kSize + byte] = in[byte * count + i];
  }
}

std::size_t element_size_of(Parameters parameters) {
  if (parameters.empty() || parameters[0] == 0) {
    throw corrupt("the shuffle filter has no element size");
  }
  return parameters[0];
}

}  // namespace

void shuffle(const std::byte* in, std::size_t bytes, std::size_t element_size, std::byte* out) {
  const std::size_t count = bytes / element_size;
  switch (element_size) {
    case 1: std::copy_n(in, bytes, out); return;
    case 2: shuffle_fixed<2>(in, count, out); break;
    case 4: shuffle_fixed<4>(in, count, out); break;
    case 8: shuffle_fixed<8>(in, count, out); break;
    default:
      for (std::size_t byte = 0; byte < element_size; ++byte) {
        for (std::size_t i = 0; i < count; ++i) {
          out[byte * count + i] = in[i * element_size + byte];
        }
      }
  }
  std::copy(in + count * element_size, in + bytes, out + count * element_size);
}

void unshuffle(const std::byte* in, std::size_t bytes, std::size_t element_size, std::byte* out) {
  const std::size_t count = bytes / element_size;
  switch (element_size) {
    case 1: std::copy_n(in, bytes, out); return;
    case 2: unshuffle_fixed<2>(in, count, out); break;
    case 4: unshuffle_fixed<4>(in, count, out); break;
    case 8: unshuffle_fixed<8>(in, count, out); break;
    default:
      for (std::size_t byte = 0; byte < element_size; ++byte) {
        for (std::size_t i = 0; i < count; ++i) {
          out[i * element_size + byte] = in[byte * count + i];
        }
      }
  }
  std::copy(in + count * element_size, in + bytes, out + count * element_size);
}

void decode_shuffle(Parameters parameters, ByteView in, Room out, CodecScratch&) {
  unshuffle(in.data(), in.size(), element_size_of(parameters), out.data());
}

std::size_t encode_shuffle(Parameters parameters, ByteView in, Room out, CodecScratch&) {
  shuffle(in.data(), in.size(), element_size_of(parameters), out.data());
  return in.size();
}

}  // namespace rankine::io
