#include "runtime/simulate/tasks.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "runtime/base/hash.h"
#include "runtime/kernels/user_call.h"
#include "runtime/simulate/random.h"

namespace rankine::simulate {
namespace {

constexpr std::uint32_t kDigests = 0;  // indices into Explicit::functions
constexpr std::uint32_t kFails = 1;

void run_digest(kernels::UserCall& call) { call.result = digest_of(call.arguments); }
void run_failure(kernels::UserCall&) { throw std::runtime_error("a task fails on purpose"); }

}  // namespace

std::vector<std::byte> digest_of(std::span<const std::span<const std::byte>> arguments) {
  std::uint64_t word = arguments.size();
  for (const auto& argument : arguments) word = hash_bytes(argument, mixed(word));
  const std::size_t words = (word & 15) != 0 ? 1 + (word >> 4 & 3) : 1 + (word >> 4 & 511);
  std::vector<std::byte> bytes(words * sizeof(word));
  for (std::size_t i = 0; i < words; ++i) {
    word = mixed(word);
    std::memcpy(bytes.data() + i * sizeof(word), &word, sizeof(word));
  }
  return bytes;
}

TaskList::TaskList() {
  for (const auto& [name, thunk] : {std::pair{"digest", &run_digest}, {"failure", &run_failure}}) {
    graph::UserFunction function;
    function.thunk = tasks_.modules.name_of(reinterpret_cast<const void*>(thunk));
    function.name = name;
    tasks_.functions.push_back(std::move(function));
  }
}

std::uint32_t TaskList::add(std::uint64_t own, std::span<const std::uint32_t> takes, bool fails,
                            std::span<const std::uint32_t> arrays) {
  using graph::Argument;
  const auto add_argument = [&](Argument::Kind kind, std::size_t index) {
    tasks_.arguments.push_back(Argument(kind, index).code());
  };
  add_argument(Argument::Kind::kConstant, tasks_.constant_begin.size() - 1);
  tasks_.constants.append(reinterpret_cast<const char*>(&own), sizeof(own));
  tasks_.constant_begin.push_back(static_cast<std::uint32_t>(tasks_.constants.size()));
  for (const std::uint32_t task : takes) add_argument(Argument::Kind::kTask, task);
  for (const std::uint32_t array : arrays) add_argument(Argument::Kind::kArray, array);
  tasks_.argument_begin.push_back(static_cast<std::uint32_t>(tasks_.arguments.size()));
  tasks_.function_of.push_back(fails ? kFails : kDigests);
  return static_cast<std::uint32_t>(tasks_.task_count() - 1);
}

}  // namespace rankine::simulate
