#include "runtime/api/coordinate_reader.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "io/join.h"
#include "io/probe.h"
#include "runtime/api/output_attributes.h"

namespace rankine::api {
namespace {

// The smallest box that holds the chosen elements.
Box hull_of(const std::vector<Elements>& chosen) {
  Box box;
  for (const Elements& axis : chosen) {
    const std::int64_t last = axis.start + (axis.count - 1) * axis.step;
    box.lo.push_back(axis.count == 0 ? 0 : std::min(axis.start, last));
    box.hi.push_back(axis.count == 0 ? 0 : std::max(axis.start, last) + 1);
  }
  return box;
}

}  // namespace

bool is_copyable(const io::Variable& variable) {
  if (!variable.dtype || variable.null_space || !variable.read_problem.empty()) return false;
  const auto size = static_cast<std::int64_t>(std::max<std::size_t>(8, variable.element_size));
  return volume(variable.shape) <= kLargestCopied / size;
}

bool CoordinateReader::may_copy(const io::Variable& variable) {
  if (is_copyable(variable) || io::holds_text(variable)) return true;
  std::string why;
  const bool text = variable.type_name == io::kTextType;
  if ((!variable.dtype && !text) || variable.null_space) {
    why = "it holds no numbers";
  } else if (!variable.read_problem.empty()) {
    why = variable.read_problem;
  } else if (text) {
    why = "it holds more text than labels have";
  } else {
    why = "it is longer than what is copied beside a result (" +
          std::to_string(kLargestCopied >> 20) + " MiB)";
  }
  leave_out(variable, why);
  return false;
}

void CoordinateReader::leave_out(const io::Variable& variable, const std::string& why) {
  std::string line = variable.path + " is left out: " + why;
  if (std::ranges::find(left_out_, line) == left_out_.end()) left_out_.push_back(std::move(line));
}

void CoordinateReader::prepare(const io::FileInfo& file,
                               const std::vector<const io::Variable*>& variables) {
  std::vector<InFile> all;
  for (const io::Variable* variable : variables) all.push_back({&file, variable});
  prepare(all);
}

void CoordinateReader::prepare(const std::vector<InFile>& variables) {
  std::set<Key> keys;
  std::vector<io::Dataset> datasets;
  for (const auto& [file, variable] : variables) {
    const Key key{file->path, variable->path};
    if (maps_.contains(key) || !keys.insert(key).second) continue;
    datasets.push_back(io::make_dataset(*file, variable->path));
  }
  std::vector<const io::Dataset*> wanted;
  for (const io::Dataset& dataset : datasets) wanted.push_back(&dataset);
  std::vector<io::ChunkMap> found = io::probe_maps(wanted);
  std::size_t next = 0;
  for (const auto& [file, variable] : variables) {
    if (const auto node = keys.extract({file->path, variable->path})) {
      maps_.emplace(node.value(), std::move(found[next++]));
    }
  }
}

const io::DatasetReader& CoordinateReader::reader_of(const io::FileInfo& file,
                                                     const io::Variable& variable,
                                                     Decoding decoding) {
  const Key key{file.path, variable.path};
  auto& reader = readers_[{key, decoding}];
  if (!reader) {
    io::Dataset dataset = io::make_dataset(file, variable.path);
    prepare(file, {&variable});
    reader = std::make_unique<io::DatasetReader>(decoding == Decoding::kStored
                                                     ? io::without_conventions(std::move(dataset))
                                                     : std::move(dataset),
                                                 maps_.at(key));
  }
  return *reader;
}

SourceArray CoordinateReader::read_whole(const io::FileInfo& file, const io::Variable& variable,
                                         Decoding decoding) {
  std::vector<Elements> all;
  for (const std::int64_t length : variable.shape) all.push_back({0, 1, length});
  return read(file, variable, decoding, all);
}

void CoordinateReader::prepare_texts(const std::vector<const io::FileInfo*>& files,
                                     const std::string& path) {
  std::vector<io::Place> places;
  for (const io::FileInfo* file : files) {
    const io::Variable* variable = file->variable(path);
    const bool wanted = variable != nullptr && io::holds_text(*variable) && !file->joined;
    const bool known = texts_.contains({file->path, path}) ||
                       std::ranges::find(places, file->path, &io::Place::file) != places.end();
    if (wanted && !known) places.push_back({file->path, path});
  }
  if (places.size() < 2) return;
  try {
    std::vector<io::Texts> found = io::probe_texts(places);
    for (std::size_t i = 0; i < places.size(); ++i) {
      const io::FileInfo& file = **std::ranges::find(files, places[i].file, &io::FileInfo::path);
      const bool characters = io::is_characters(*file.variable(path));
      for (std::string& text : found[i].values) text = characters ? text : as_utf8(text);
      texts_.emplace(Key{file.path, path}, std::move(found[i].values));
    }
  } catch (const Error& error) {
    // One of them is damaged: who reads it hears of it.
    if (error.exit_code != ExitCode::kInput) throw;
  }
}

const std::vector<std::string>& CoordinateReader::texts_of(const io::FileInfo& file,
                                                           const io::Variable& variable) {
  const Key key{file.path, variable.path};
  if (const auto known = texts_.find(key); known != texts_.end()) return known->second;
  std::vector<io::Place> places;
  if (!file.joined) places.push_back({file.path, variable.path});
  for (std::size_t i = 0; file.joined && i < file.joined->members.size(); ++i) {
    // What has no record dimension is the first file's.
    if (i > 0 && !file.joined->texts.contains(variable.path)) break;
    places.push_back({file.joined->members[i].path, variable.path});
  }
  std::vector<std::string> all;
  for (io::Texts& texts : io::probe_texts(places)) {
    for (std::string& text : texts.values) {
      // A character is one byte of a word.
      all.push_back(io::is_characters(variable) ? std::move(text) : as_utf8(text));
    }
  }
  return texts_.emplace(key, std::move(all)).first->second;
}

SourceArray CoordinateReader::read_texts(const io::FileInfo& file, const io::Variable& variable,
                                         const std::vector<Elements>& chosen) {
  const std::vector<std::string>& all = texts_of(file, variable);
  if (all.size() != static_cast<std::size_t>(volume(variable.shape))) {
    throw input_error("it holds other texts than its shape says", file.path + ":" + variable.path);
  }
  SourceArray result;
  result.dtype = DType::kUInt8;
  for (const Elements& axis : chosen) result.shape.push_back(axis.count);
  result.texts.emplace();
  const Extents strides = row_major_strides(variable.shape);
  Extents coordinate(chosen.size());
  const std::int64_t count = volume(result.shape);
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t from = 0;
    for (std::size_t k = 0; k < chosen.size(); ++k) {
      from += (chosen[k].start + coordinate[k] * chosen[k].step) * strides[k];
    }
    result.texts->values.push_back(all[static_cast<std::size_t>(from)]);
    next_coordinate(coordinate, result.shape);
  }
  return result;
}

SourceArray CoordinateReader::read(const io::FileInfo& file, const io::Variable& variable,
                                   Decoding decoding, const std::vector<Elements>& chosen) {
  if (io::holds_text(variable)) return read_texts(file, variable, chosen);
  const io::DatasetReader& reader = reader_of(file, variable, decoding);
  SourceArray result;
  result.dtype = reader.dataset().dtype;
  bool dense = true;
  for (const Elements& axis : chosen) {
    result.shape.push_back(axis.count);
    dense = dense && (axis.step == 1 || axis.count < 2);
  }
  const std::size_t size = size_of(result.dtype);
  const std::int64_t count = volume(result.shape);
  result.bytes.resize(static_cast<std::size_t>(count) * size);
  if (count == 0) return result;

  io::ReadStats stats;
  const Box box = hull_of(chosen);
  if (dense) {
    reader.read(box, result.bytes.data(), scratch_, stats);
    return result;
  }
  std::vector<std::byte> hull(static_cast<std::size_t>(box.size()) * size);
  reader.read(box, hull.data(), scratch_, stats);
  const Extents strides = row_major_strides(box.shape());
  Extents coordinate(chosen.size());
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t from = 0;
    for (std::size_t k = 0; k < chosen.size(); ++k) {
      const std::int64_t element = chosen[k].start + coordinate[k] * chosen[k].step;
      from += (element - box.lo[k]) * strides[k];
    }
    std::memcpy(result.bytes.data() + i * static_cast<std::int64_t>(size),
                hull.data() + from * static_cast<std::int64_t>(size), size);
    next_coordinate(coordinate, result.shape);
  }
  return result;
}

}  // namespace rankine::api
