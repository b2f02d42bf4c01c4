// HDF5's filter 2: the bytes of the elements, sorted by their place in the element.
#pragma once

#include <cstddef>

namespace rankine::io {

// Plane b of the result holds byte b of every element; a rest shorter than one element lies at the
// end as it is.
void shuffle(const std::byte* in, std::size_t bytes, std::size_t element_size, std::byte* out);
void unshuffle(const std::byte* in, std::size_t bytes, std::size_t element_size, std::byte* out);

}  // namespace rankine::io
