#include "io/h5/links.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace rankine::io {
namespace {

// The bytes of a link's value; none if they cannot be read.
std::vector<char> value_of(hid_t group, const std::string& name, std::size_t size, hid_t access) {
  std::vector<char> value(size);
  const bool read =
      size > 0 && H5Lget_val(group, name.c_str(), value.data(), value.size(), access) >= 0;
  if (!read || value.back() != '\0') return {};
  return value;
}

std::optional<LinkStep> external_step(const std::vector<char>& value, const std::string& rest) {
  const char* file = nullptr;
  const char* object = nullptr;
  unsigned flags = 0;
  if (value.empty() ||
      H5Lunpack_elink_val(value.data(), value.size(), &flags, &file, &object) < 0) {
    return std::nullopt;
  }
  if (file[0] == '\0') return std::nullopt;
  return LinkStep{file, object + rest};
}

// A soft link counts from the group it is in.
std::optional<LinkStep> soft_step(const std::vector<char>& value, const std::string& link,
                                  const std::string& rest) {
  if (value.empty()) return std::nullopt;
  const std::string target = value.data();
  const std::string group = target.starts_with('/') ? "" : link.substr(0, link.rfind('/') + 1);
  return LinkStep{"", group + target + rest};
}

}  // namespace

std::optional<LinkStep> next_step(hid_t group, const std::string& name, hid_t access) {
  std::optional<LinkStep> step;
  for (std::size_t end = 0; end < name.size() && !step;) {
    end = std::min(name.find('/', end + 1), name.size());
    const std::string link = name.substr(0, end);
    H5L_info_t info{};
    if (H5Lget_info(group, link.c_str(), &info, access) < 0) break;
    if (info.type == H5L_TYPE_HARD) continue;
    const auto value = value_of(group, link, info.u.val_size, access);
    if (info.type == H5L_TYPE_EXTERNAL) step = external_step(value, name.substr(end));
    else if (info.type == H5L_TYPE_SOFT) step = soft_step(value, link, name.substr(end));
    break;
  }
  H5Eclear2(H5E_DEFAULT);
  return step;
}

H5Plist links_within(const std::string& path) {
  H5Plist access(H5Pcreate(H5P_LINK_ACCESS), "prepare links", path);
  const auto refuse = [](const char*, const char*, const char*, const char*, unsigned*, hid_t,
                         void*) -> herr_t { return -1; };
  h5_check(H5Pset_elink_cb(access, refuse, nullptr), "prepare links", path);
  return access;
}

bool leads_out(hid_t group, const std::string& name, hid_t access) {
  std::string at = name;
  for (int steps = 0; steps < kMostSteps; ++steps) {
    const auto step = next_step(group, at, access);
    if (!step) return false;
    if (!step->file.empty()) return true;
    at = step->object;
  }
  return false;
}

Variable linked_variable(Variable source, std::string path, const std::string& file) {
  Variable whole = source;
  whole.path = std::move(path);
  if (!whole.dtype || whole.null_space || !whole.read_problem.empty()) return whole;
  VirtualSource part;
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) {
    throw input_error("cannot look at the file: " + std::generic_category().message(errno), file);
  }
  part.file = path_on_disk(file);
  part.file_size = static_cast<std::uint64_t>(status.st_size);
  part.file_mtime_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  const std::size_t rank = whole.shape.size();
  part.mapping.start = part.mapping.source_start = Extents(rank, 0);
  part.mapping.step = part.mapping.source_step = Extents(rank, 1);
  part.mapping.count = whole.shape;
  for (std::size_t k = 0; k < rank; ++k) {
    part.mapping.source_axis.push_back(static_cast<std::int64_t>(k));
  }
  source.attributes.clear();
  part.variable = std::move(source);
  whole.layout = Layout::kVirtual;
  whole.chunk.clear();
  whole.raw_edge_chunks = whole.big_endian = false;
  whole.element = {};
  whole.element_size = size_of(*whole.dtype);
  whole.contiguous_address = ChunkExtent::kMissing;
  whole.direct_problem.clear();
  whole.sources.assign(1, std::move(part));
  return whole;
}

}  // namespace rankine::io
