// The file that `rankine sample` writes.
#pragma once

#include <cstdint>
#include <string>

#include "io/h5/output_spec.h"
#include "io/output.h"
#include "runtime/base/shape.h"

namespace rankine::apps {

struct Sample {
  std::uint64_t seed = 1;
  Extents shape;    // days, latitudes, longitudes
  Extents chunk;    // elements, at most the shape
  io::Codec codec;  // of the field
  io::Libver libver = io::Libver::kV18;
  double missing = 0;  // fraction of the elements, 0 to 1

  // Everything the bytes depend on, but for the versions of the libraries. Stands in the file.
  std::string recipe() const;
};

// The position of the field among the variables; it alone has no inline data.
inline constexpr std::uint32_t kSampleField = 3;

// Coordinates and the variable t2m, with the attributes of CF 1.8.
io::OutputFile sample_file(const Sample& sample);

// Whether the file is there already. Anything else of that name, or a file that was derived from a
// sample and kept its attributes, is not.
bool is_there(const Sample& sample, const std::string& path);

// Computes and writes the file the way every result takes, with one rank and so many threads: log,
// part file, output. False if a signal came meanwhile (stop_signals.h). Leaves the working files to
// the caller, who holds the OutputClaim. Throws Error.
bool write_sample(const Sample& sample, const io::OutputPaths& paths, bool overwrite, int threads);

}  // namespace rankine::apps
