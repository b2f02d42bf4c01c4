// Filter 32000, h5py's: one LZF stream.
#include <lzf.h>

#include "io/codec/codecs.h"

namespace rankine::io {

void decode_lzf(Parameters, ByteView in, Room out, CodecScratch&) {
  // lzf_decompress reads the first byte unasked.
  if (in.empty()) throw corrupt("an lzf stream is empty");
  const unsigned got = lzf_decompress(in.data(), static_cast<unsigned>(in.size()), out.data(),
                                      static_cast<unsigned>(out.size()));
  if (got == 0) throw corrupt("corrupt lzf stream");
  if (got != out.size()) throw corrupt("an lzf stream is too short");
}

}  // namespace rankine::io
