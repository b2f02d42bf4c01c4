// The memory of a rank: what the kernel, the control group and the batch system allow the node.
#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

#include "collectives/environment.h"

namespace rankine::collectives {
namespace {

constexpr std::int64_t kUnknown = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kNoLimit = std::int64_t{1} << 60;  // cgroup v1 says "none" by a huge number
constexpr std::int64_t kNodeIfUnknown = std::int64_t{1} << 30;

// `text` as bytes, in units of `unit`; kUnknown if it is no positive number or says "none".
std::int64_t bytes_of(std::string_view text, std::int64_t unit) {
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = end == text.data() + text.size() || *end == '\n';
  if (failure != std::errc() || !whole || value <= 0 || value > kNoLimit / unit) return kUnknown;
  return value * unit;
}

// The smallest limit of a group and the groups around it, up to the root of the mount. Inside a
// container the path may be one of the host's; then only the levels that exist count.
std::int64_t limit_along(const Surroundings& surroundings, const std::string& mount,
                         std::string path, const std::string& name) {
  std::int64_t limit = kUnknown;
  while (true) {
    if (path == "/") path.clear();
    if (const auto text = surroundings.file(mount + path + "/" + name)) {
      limit = std::min(limit, bytes_of(*text, 1));
    }
    if (path.empty()) return limit;
    path.resize(std::min(path.rfind('/'), path.size() - 1));
  }
}

// Lines of /proc/self/cgroup: "0::/path" (v2) or "4:memory:/path" (v1; several names, commas).
std::int64_t limit_of_line(const Surroundings& surroundings, std::string_view line) {
  const std::size_t first = line.find(':');
  if (first == std::string_view::npos) return kUnknown;
  const std::size_t second = line.find(':', first + 1);
  if (second == std::string_view::npos) return kUnknown;
  const std::string controllers =
      "," + std::string(line.substr(first + 1, second - first - 1)) + ",";
  const std::string path(line.substr(second + 1));
  if (controllers == ",,") return limit_along(surroundings, "/sys/fs/cgroup", path, "memory.max");
  if (controllers.find(",memory,") == std::string::npos) return kUnknown;
  return limit_along(surroundings, "/sys/fs/cgroup/memory", path, "memory.limit_in_bytes");
}

std::int64_t cgroup_bytes(const Surroundings& surroundings) {
  const std::string lines = surroundings.file("/proc/self/cgroup").value_or("");
  std::int64_t limit = kUnknown;
  for (std::string_view rest = lines; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    limit = std::min(limit, limit_of_line(surroundings, line));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  return limit;
}

std::int64_t variable_bytes(const Surroundings& surroundings, const char* name, std::int64_t unit) {
  const auto text = surroundings.variable(name);
  return text ? bytes_of(*text, unit) : kUnknown;
}

// Slurm counts MiB; SLURM_MEM_PER_NODE=0 grants the whole node.
std::int64_t slurm_bytes(const Surroundings& surroundings) {
  constexpr std::int64_t kMiB = std::int64_t{1} << 20;
  const std::int64_t per_node = variable_bytes(surroundings, "SLURM_MEM_PER_NODE", kMiB);
  const std::int64_t per_cpu = variable_bytes(surroundings, "SLURM_MEM_PER_CPU", kMiB);
  const std::int64_t cpus = variable_bytes(surroundings, "SLURM_CPUS_ON_NODE", 1);
  if (per_cpu == kUnknown || cpus == kUnknown || cpus > kNoLimit / per_cpu) return per_node;
  return std::min(per_node, per_cpu * cpus);
}

// The line "MemAvailable:   12345 kB".
std::int64_t available_bytes(const Surroundings& surroundings) {
  constexpr std::string_view kName = "MemAvailable:";
  const std::string text = surroundings.file("/proc/meminfo").value_or("");
  const std::size_t name = text.find(kName);
  if (name == std::string::npos) return kUnknown;
  const std::size_t digits = text.find_first_not_of(" \t", name + kName.size());
  if (digits == std::string::npos) return kUnknown;
  const std::size_t end = text.find_first_not_of("0123456789", digits);
  return bytes_of(std::string_view(text).substr(digits, end - digits), 1024);
}

}  // namespace

std::int64_t node_memory_bytes(const Surroundings& surroundings) {
  const std::int64_t node = std::min(
      {cgroup_bytes(surroundings), slurm_bytes(surroundings), available_bytes(surroundings)});
  return node == kUnknown ? 0 : node;
}

std::int64_t default_memory_bytes(const Surroundings& surroundings) {
  std::int64_t node = node_memory_bytes(surroundings);
  if (node == 0) node = kNodeIfUnknown;
  return node / local_size(surroundings) / 10 * 8;
}

}  // namespace rankine::collectives
