#include "runtime/kernels/block_call.h"

#include <algorithm>

#include "runtime/base/archive.h"
#include "runtime/base/hash.h"

namespace rankine::kernels {

std::uint64_t BlockFunction::identity() const {
  std::vector<std::string> builds;
  for (const Module& module : modules.modules()) builds.push_back(module.build_id);
  return hash_bytes(to_bytes(builds, thunk, pointed, function, state, values, name));
}

FoundBlockFunction find_function(const BlockFunction& function) {
  const FoundModules modules(function.modules);
  const auto thunk = reinterpret_cast<std::uintptr_t>(modules.address_of(function.thunk));
  return {reinterpret_cast<BlockThunk>(thunk),
          function.pointed ? modules.address_of(function.function) : nullptr};
}

void take_returned(const NdArray& returned, const BlockCall& call) {
  const Extents& shape = call.result.layout->full_shape;
  if (!(returned.shape() == shape) || returned.dtype() != call.dtype) {
    throw Error(ExitCode::kTaskFailed,
                "the function returned " + std::string(name_of(returned.dtype())) + " of shape " +
                    to_string(returned.shape()) + "; its block has " +
                    std::string(name_of(call.dtype)) + " of shape " + to_string(shape),
                {},
                "say the type by BlockOptions::dtype, the shape by chunks, drop_axes or new_axes");
  }
  const std::size_t bytes = static_cast<std::size_t>(returned.size()) * size_of(call.dtype);
  if (returned.bytes().size() != bytes) refuse_returned_count(returned.bytes().size(), call);
  std::copy(returned.bytes().begin(), returned.bytes().end(), call.result.data);
}

void refuse_returned_count(std::size_t returned, const BlockCall& call) {
  const Extents& shape = call.result.layout->full_shape;
  throw Error(ExitCode::kTaskFailed,
              "the function returned " + std::to_string(returned) +
                  " elements; its block has shape " + to_string(shape),
              {}, "say what it returns by BlockOptions::chunks, drop_axes or new_axes");
}

}  // namespace rankine::kernels
