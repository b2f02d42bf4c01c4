// The names that the command line gives: -v, the positional file, -d.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/language/bind.h"
#include "apps/language/hyperslab.h"
#include "io/h5/file_info.h"

namespace rankine::language {

class Sources {
 public:
  // Looks into every file that is named. Throws Error: usage, or input for a missing file, data
  // set, group or dimension.
  explicit Sources(const Inputs& inputs);

  // The variable of this name, cut by -d; nothing if no input has it. Throws Error (input) if it
  // cannot be computed with.
  std::optional<Array> find(const std::string& name, LabelReader& reader) const;

  // What find() would know.
  std::vector<std::string> names() const;
  // The positional file and group, for messages; "" if there is none.
  std::string place() const;

 private:
  struct Given {
    std::shared_ptr<const io::FileInfo> file;
    std::string path;
  };

  void open_positional(const std::vector<std::string>& where);
  void add_variable(const std::string& text);
  void check_hyperslabs() const;
  bool is_labelled_by_text(const std::string& dimension) const;
  std::string path_of(const std::string& name) const;
  void refuse_left_out(const std::string& name) const;
  Array open(const Given& given, LabelReader& reader) const;

  std::shared_ptr<const io::FileInfo> file_;  // of the positional; null if there is none
  std::string group_ = "/";                   // ends with a slash
  std::string only_;                          // the data set that was named, else ""
  std::map<std::string, Given> given_;
  std::vector<Hyperslab> hyperslabs_;
};

}  // namespace rankine::language
