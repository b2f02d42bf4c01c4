#include "io/h5/virtual_sources.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <vector>

#include "io/h5/access.h"
#include "io/h5/describe.h"
#include "io/h5/input_file.h"
#include "io/h5/links.h"
#include "runtime/base/error.h"

namespace rankine::io {
namespace {

constexpr std::int64_t kEndless = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kMostPieces = 1 << 20;  // of one data set
constexpr int kDeepest = 8;                   // virtual data sets of virtual data sets

int depth = 0;  // protected by the HDF5 lock

// Elements of one axis that a regular selection has: `count` blocks, `stride` apart.
struct Blocks {
  std::int64_t start = 0, stride = 1, count = 1, block = 1;

  bool is_endless() const { return count == kEndless; }
  bool is_line() const { return count == 1 || block == 1 || stride == block; }
  std::int64_t step() const { return count == 1 || stride == block ? 1 : stride; }  // of a line
  std::int64_t size() const { return is_endless() ? kEndless : count * block; }
  std::int64_t at(std::int64_t i) const {
    return is_line() ? start + i * step() : start + i / block * stride + i % block;
  }
  std::int64_t room_in_block(std::int64_t i) const {
    return is_line() ? kEndless : block - i % block;
  }
  // How many elements lie before `length`.
  std::int64_t size_within(std::int64_t length) const {
    if (!is_endless()) return size();
    if (length <= start) return 0;
    const std::int64_t whole = (length - start) / stride;
    return whole * block + std::min(block, (length - start) % stride);
  }
};
using Selection = std::vector<Blocks>;

std::int64_t number(hsize_t value) {
  return value == H5S_UNLIMITED ? kEndless : static_cast<std::int64_t>(value);
}

// Nothing for what is no grid of blocks. shape: of what H5S_ALL selects.
std::optional<Selection> selection_of(hid_t space, const Extents& shape) {
  Selection axes;
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0) return std::nullopt;
  if (H5Sget_select_type(space) == H5S_SEL_ALL) {
    for (const std::int64_t length : shape) axes.push_back({0, 1, 1, length});
    return axes;
  }
  if (H5Sget_select_type(space) != H5S_SEL_HYPERSLABS || H5Sis_regular_hyperslab(space) <= 0) {
    return std::nullopt;
  }
  hsize_t start[H5S_MAX_RANK], stride[H5S_MAX_RANK], count[H5S_MAX_RANK], block[H5S_MAX_RANK];
  if (H5Sget_regular_hyperslab(space, start, stride, count, block) < 0) return std::nullopt;
  for (int k = 0; k < rank; ++k) {
    Blocks one{number(start[k]), number(stride[k]), number(count[k]), number(block[k])};
    // One block without an end is endlessly many blocks of one.
    if (one.block == kEndless) one = {one.start, 1, kEndless, 1};
    axes.push_back(one);
  }
  return axes;
}

// Of one axis of the whole and of the source: elements that go in equal steps on both sides.
struct Piece {
  std::int64_t start, step, source_start, source_step, count;
};

std::optional<std::vector<Piece>> pieces_of(const Blocks& whole, const Blocks& source,
                                            std::int64_t count) {
  std::vector<Piece> pieces;
  for (std::int64_t i = 0; i < count;) {
    const std::int64_t length =
        std::min({count - i, whole.room_in_block(i), source.room_in_block(i)});
    pieces.push_back({whole.at(i), whole.is_line() ? whole.step() : 1, source.at(i),
                      source.is_line() ? source.step() : 1, length});
    if (pieces.size() > kMostPieces) return std::nullopt;
    i += length;
  }
  return pieces;
}

// Which axis of the whole goes along each of the source; nothing if the shapes are too different.
// Endless axes fit any length.
std::optional<Extents> matched_axes(const Selection& whole, const Selection& source) {
  Extents axes(source.size(), -1);
  std::size_t k = 0;
  for (std::size_t a = 0; a < source.size(); ++a) {
    if (source[a].size() == 1) continue;
    while (k < whole.size() && whole[k].size() == 1) ++k;
    if (k == whole.size()) return std::nullopt;
    const bool fits =
        whole[k].size() == source[a].size() || whole[k].is_endless() || source[a].is_endless();
    if (!fits) return std::nullopt;
    axes[a] = static_cast<std::int64_t>(k++);
  }
  while (k < whole.size() && whole[k].size() == 1) ++k;
  return k == whole.size() ? std::optional(axes) : std::nullopt;
}

bool is_inside(const Mapping& mapping, const Extents& shape) {
  for (std::size_t a = 0; a < shape.size(); ++a) {
    const std::int64_t k = mapping.source_axis[a];
    const std::int64_t count = k < 0 ? 1 : mapping.count[static_cast<std::size_t>(k)];
    if (mapping.source_start[a] + (count - 1) * mapping.source_step[a] >= shape[a]) return false;
  }
  return true;
}

// "%b" is the number of the block, "%%" a percent sign.
std::string with_number(const std::string& name, std::int64_t block) {
  std::string result;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool escape = name[i] == '%' && i + 1 < name.size();
    if (escape && (name[i + 1] == 'b' || name[i + 1] == '%')) {
      result += name[i + 1] == 'b' ? std::to_string(block) : "%";
      ++i;
    } else {
      result += name[i];
    }
  }
  return result;
}

bool has_number(const std::string& name) { return with_number(name, 0) != with_number(name, 1); }

bool is_file(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

std::string text_of(ssize_t (*get)(hid_t, size_t, char*, size_t), hid_t creation, std::size_t i,
                    const std::string& where) {
  const ssize_t length = h5_check(get(creation, i, nullptr, 0), "read the mapping", where);
  std::string text(static_cast<std::size_t>(length) + 1, '\0');
  h5_check(get(creation, i, text.data(), text.size()), "read the mapping", where);
  text.pop_back();
  return text;
}

class Finder {
 public:
  Finder(hid_t creation, const std::string& file_path, Variable& variable)
      : creation_(creation),
        file_path_(file_path),
        where_(place_of(file_path, variable.path)),
        variable_(variable) {}

  void run() {
    std::size_t count = 0;
    h5_check(H5Pget_virtual_count(creation_, &count), "read the mapping", where_);
    for (std::size_t i = 0; i < count && variable_.read_problem.empty(); ++i) add_mapping(i);
    std::ranges::sort(missing_);
    const auto again = std::ranges::unique(missing_);
    missing_.erase(again.begin(), again.end());
    variable_.missing_sources = missing_.size();
    if (!missing_.empty() && !access().missing) {
      variable_.read_problem =
          "its virtual source " + missing_.front() + " is missing" +
          (missing_.size() == 1 ? "" : ", and " + std::to_string(missing_.size() - 1) + " more");
    }
    if (!variable_.direct_problem.empty()) variable_.sources.clear();
  }

 private:
  void add_mapping(std::size_t i) {
    const H5Space to(H5Pget_virtual_vspace(creation_, i), "read the mapping", where_);
    const H5Space from(H5Pget_virtual_srcspace(creation_, i), "read the mapping", where_);
    const std::string file = text_of(H5Pget_virtual_filename, creation_, i, where_);
    const std::string dataset = text_of(H5Pget_virtual_dsetname, creation_, i, where_);
    auto whole = selection_of(to, variable_.shape);
    if (!whole || whole->size() != variable_.shape.size()) {
      variable_.direct_problem = "a virtual data set of irregular parts";
      whole.reset();
    }
    if (!has_number(file) && !has_number(dataset)) {
      return add_source(with_number(file, 0), with_number(dataset, 0), whole, from);
    }
    // A block for each source, as far as the data set goes.
    const auto endless =
        whole ? std::ranges::find_if(*whole, &Blocks::is_endless) : Selection::iterator();
    if (!whole || endless == whole->end()) {
      variable_.direct_problem = "a virtual data set of irregular parts";
      return;
    }
    const auto axis = static_cast<std::size_t>(endless - whole->begin());
    const Blocks all = *endless;
    for (std::int64_t b = 0; all.start + b * all.stride < variable_.shape[axis]; ++b) {
      *endless = {all.start + b * all.stride, 1, 1, all.block};
      add_source(with_number(file, b), with_number(dataset, b), whole, from);
    }
  }

  void add_source(const std::string& file, const std::string& dataset,
                  const std::optional<Selection>& whole, hid_t from) {
    VirtualSource source;
    const bool there = look_at(file, dataset, source);
    if (leads_out_) return leave_to_library(place_of(file == "." ? file_path_ : file, dataset));
    if (!there) {
      missing_.push_back(file == "." ? dataset : file + (known_file_ ? ":" + dataset : ""));
      return;
    }
    if (!whole || !variable_.direct_problem.empty()) return;
    const Variable& found = source.variable;
    const auto selected = selection_of(from, found.shape);
    const auto axes = selected && selected->size() == found.shape.size()
                          ? matched_axes(*whole, *selected)
                          : std::nullopt;
    if (!axes || found.null_space) {
      variable_.direct_problem = "a virtual data set of parts of other shapes";
    } else if (!found.dtype || found.dtype != variable_.dtype) {
      variable_.direct_problem = "a virtual data set of parts of other types";
    } else if (!found.read_problem.empty()) {
      variable_.read_problem = "of its virtual source " + source.file + ": " + found.read_problem;
    } else {
      add_pieces(std::move(source), *whole, *selected, *axes);
    }
  }

  // Opens each file once in a row. False: it is missing.
  bool look_at(const std::string& name, const std::string& dataset, VirtualSource& source) {
    const std::string path = file_named(file_path_, name, kSourcePrefix);
    known_file_ = !path.empty();
    leads_out_ = false;
    if (path.empty()) return false;
    if (path != open_path_) {
      open_ = open_input(path);
      open_path_ = path;
    }
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return false;
    const H5Plist within = links_within(path);
    const bool inside = H5Oexists_by_name(open_, dataset.c_str(), within) > 0;
    H5Eclear2(H5E_DEFAULT);
    leads_out_ = !inside && leads_out(open_, dataset, within);
    if (!inside) return false;
    source.file = path_on_disk(path);
    source.file_size = static_cast<std::uint64_t>(status.st_size);
    source.file_mtime_ns =
        std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    // The library may have it open for the virtual one already, and wants the same access again.
    const H5Dataset opened(H5Dopen2(open_, dataset.c_str(), H5P_DEFAULT), "open a virtual source",
                           place_of(path, dataset));
    source.variable =
        describe_dataset(opened, path, (dataset.starts_with('/') ? "" : "/") + dataset);
    return true;
  }

  void add_pieces(VirtualSource source, const Selection& whole, const Selection& selected,
                  const Extents& source_axes) {
    const std::size_t rank = whole.size();
    std::vector<std::vector<Piece>> along;  // by axis of the whole
    Extents counts;
    for (std::size_t k = 0; k < rank; ++k) {
      const auto a = std::ranges::find(source_axes, static_cast<std::int64_t>(k));
      const auto at = static_cast<std::size_t>(a - source_axes.begin());
      Blocks from{0, 1, 1, 1};
      std::int64_t count = whole[k].size_within(variable_.shape[k]);
      if (a != source_axes.end()) {
        from = selected[at];
        count = std::min(count, from.size_within(source.variable.shape[at]));
      }
      auto pieces = pieces_of(whole[k], from, count);
      if (!pieces) return refuse_pieces();
      if (pieces->empty()) return;
      counts.push_back(static_cast<std::int64_t>(pieces->size()));
      along.push_back(std::move(*pieces));
    }
    if (saturated_volume(counts) >
        static_cast<std::int64_t>(kMostPieces - variable_.sources.size()))
      return refuse_pieces();
    Extents at(rank, 0);
    do {
      Mapping mapping;
      mapping.source_axis = source_axes;
      for (const Blocks& one : selected) mapping.source_start.push_back(one.start);
      mapping.source_step = Extents(selected.size(), 1);
      for (std::size_t k = 0; k < rank; ++k) {
        const Piece& piece = along[k][static_cast<std::size_t>(at[k])];
        mapping.start.push_back(piece.start);
        mapping.step.push_back(piece.step);
        mapping.count.push_back(piece.count);
        for (std::size_t a = 0; a < selected.size(); ++a) {
          if (source_axes[a] != static_cast<std::int64_t>(k)) continue;
          mapping.source_start[a] = piece.source_start;
          mapping.source_step[a] = piece.source_step;
        }
      }
      if (!is_inside(mapping, source.variable.shape)) {
        variable_.read_problem =
            "its virtual source " + source.file + " is smaller than what is " + "taken of it";
        return;
      }
      source.mapping = std::move(mapping);
      variable_.sources.push_back(source);
    } while (next_coordinate(at, counts));
  }

  // Its elements lie in a third file, to which the library finds the way by itself.
  void leave_to_library(const std::string& source) {
    if (access().external) {
      variable_.direct_problem = "a virtual data set of links into other files";
      return;
    }
    variable_.read_problem =
        "its virtual source " + source +
        " is a link into another file, which is followed with --allow-external";
  }

  void refuse_pieces() { variable_.direct_problem = "a virtual data set of very many parts"; }

  hid_t creation_;
  const std::string& file_path_;
  std::string where_;
  Variable& variable_;
  std::vector<std::string> missing_;
  bool known_file_ = false;
  bool leads_out_ = false;
  std::string open_path_;
  H5File open_;
};

}  // namespace

std::string beside(const std::string& file_path, const std::string& name) {
  if (name.starts_with('/')) return name;
  const auto slash = file_path.rfind('/');
  return (slash == std::string::npos ? "" : file_path.substr(0, slash + 1)) + name;
}

namespace {

std::string with_origin(std::string folder, const std::string& file_path) {
  constexpr std::string_view kOrigin = "${ORIGIN}";
  if (!folder.starts_with(kOrigin)) return folder;
  const auto slash = file_path.rfind('/');
  const std::string origin = slash == std::string::npos ? "." : file_path.substr(0, slash);
  return folder.replace(0, kOrigin.size(), origin);
}

std::vector<std::string> folders_in(const char* variable, const std::string& file_path) {
  const char* value = std::getenv(variable);
  std::vector<std::string> folders;
  std::istringstream list(value == nullptr ? "" : value);
  for (std::string folder; std::getline(list, folder, ':');) {
    if (folder.empty()) continue;
    folders.push_back(with_origin(std::move(folder), file_path));
  }
  return folders;
}

}  // namespace

std::string raw_file_named(const std::string& file_path, const std::string& name) {
  const char* folder = std::getenv("HDF5_EXTFILE_PREFIX");  // one, whatever stands in its name
  if (folder == nullptr || *folder == '\0' || name.starts_with('/')) return beside(file_path, name);
  return with_origin(folder, file_path) + "/" + name;
}

std::string file_named(const std::string& file_path, const std::string& name,
                       const char* variable) {
  if (name == ".") return file_path;
  if (name.starts_with('/') && is_file(name)) return name;
  std::error_code ignored;
  const auto target = std::filesystem::canonical(file_path, ignored);
  const std::string last = name.substr(name.rfind('/') + 1);
  for (const std::string& folder : folders_in(variable, file_path)) {
    const std::string path = folder + "/" + (name.starts_with('/') ? last : name);
    if (is_file(path)) return path;
  }
  for (const std::string& path :
       {beside(file_path, name), beside(target.string(), name), name, beside(file_path, last)}) {
    if (is_file(path)) return path;
  }
  return {};
}

void find_sources(hid_t creation, const std::string& file_path, Variable& variable) {
  struct Deeper {
    Deeper() { ++depth; }
    ~Deeper() { --depth; }
  } deeper;
  if (depth > kDeepest) {
    variable.read_problem = "its virtual sources lead to ever more of them";
    return;
  }
  Finder(creation, file_path, variable).run();
}

}  // namespace rankine::io
