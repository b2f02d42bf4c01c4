// Which chunks of an output are chunks of its inputs as they are stored, so that their bytes can be
// copied instead of being decoded and compressed again. A matter of the inputs and of what is to be
// written alone: ranks, threads and memory have no say.
#pragma once

#include <utility>
#include <vector>

#include "io/h5/output_spec.h"
#include "io/settle.h"
#include "runtime/expr/node.h"

namespace rankine::session {

// Whole rows of chunks along the first axis of the output.
struct CopiedRows {
  std::int64_t first = 0;
  std::int64_t rows = 0;
  // The number of the input, and where its chunk lies; `chunk` is that of the output.
  std::vector<std::pair<std::size_t, io::LogRecord>> records;
};

// In order, and not overlapping. A row is copied if all its chunks are chunks of one data set that
// is taken as it is stored (api::open_stored), with the same type, byte order, chunk shape and
// filters, and if nothing lies in them but what the output shows. Inputs that are new are appended,
// without records. Starts a probe child for each file. Throws Error (input).
std::vector<CopiedRows> copied_rows(const expr::NodePtr& array, const io::OutputVariable& variable,
                                    std::vector<io::CopiedInput>& inputs);

}  // namespace rankine::session
