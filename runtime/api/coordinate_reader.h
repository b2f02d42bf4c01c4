// Reads the small variables that go along with a result: coordinates, bounds, cell areas.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/h5/file_info.h"
#include "io/h5/texts.h"
#include "io/reader.h"
#include "runtime/base/dtype.h"
#include "runtime/base/shape.h"

namespace rankine::api {

enum class Decoding {
  kStored,   // the stored numbers, host byte order
  kDecoded,  // by the CF conventions (io/decode.h)
};

struct SourceArray {
  DType dtype = DType::kFloat64;
  Extents shape;
  std::vector<std::byte> bytes;    // row-major, host byte order
  std::optional<io::Texts> texts;  // instead of bytes, and dtype means nothing
  bool operator==(const SourceArray&) const = default;
};

// Elements start + i * step, 0 <= i < count, of one axis of a variable.
struct Elements {
  std::int64_t start = 0, step = 1, count = 0;
  bool operator==(const Elements&) const = default;
};

// One thread.
class CoordinateReader {
 public:
  // Looks up the chunk indexes of several variables at once: each look-up starts a probe child.
  void prepare(const io::FileInfo& file, const std::vector<const io::Variable*>& variables);
  // The same of variables of several files.
  struct InFile {
    const io::FileInfo* file;
    const io::Variable* variable;
  };
  void prepare(const std::vector<InFile>& variables);

  // The same of texts of this path, each in a file of its own.
  void prepare_texts(const std::vector<const io::FileInfo*>& files, const std::string& path);

  // All read functions throw Error (input) for data that cannot be read.
  SourceArray read_whole(const io::FileInfo& file, const io::Variable& variable, Decoding decoding);
  // One entry of `chosen` per axis, inside the variable's shape.
  SourceArray read(const io::FileInfo& file, const io::Variable& variable, Decoding decoding,
                   const std::vector<Elements>& chosen);

  // is_copyable or text, and if not, remembered with the reason.
  bool may_copy(const io::Variable& variable);
  void leave_out(const io::Variable& variable, const std::string& why);
  // What may_copy refused and what was left out, one sentence each.
  const std::vector<std::string>& left_out() const { return left_out_; }

 private:
  using Key = std::pair<std::string, std::string>;  // file, path

  const std::vector<std::string>& texts_of(const io::FileInfo& file, const io::Variable& variable);
  SourceArray read_texts(const io::FileInfo& file, const io::Variable& variable,
                         const std::vector<Elements>& chosen);
  const io::DatasetReader& reader_of(const io::FileInfo& file, const io::Variable& variable,
                                     Decoding decoding);

  std::map<Key, io::ChunkMap> maps_;
  std::map<Key, std::vector<std::string>> texts_;
  std::map<std::pair<Key, Decoding>, std::unique_ptr<io::DatasetReader>> readers_;
  io::ReadScratch scratch_;
  std::vector<std::string> left_out_;
};

// Whether `variable` holds numbers that can be read and takes at most kLargestCopied bytes.
bool is_copyable(const io::Variable& variable);
inline constexpr std::int64_t kLargestCopied = std::int64_t{256} << 20;

}  // namespace rankine::api
