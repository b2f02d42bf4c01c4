// The variables of one file, or of several as one along a dimension, as arrays to be copied.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/rankine.h"

namespace rankine::apps {

using File = std::shared_ptr<const io::FileInfo>;

struct JoinedVariable {
  std::string name;                        // path in the file, without the leading slash
  Array array;                             // what is stored, unless the files store it differently
  const io::Variable* variable;            // in the first file
  std::vector<const io::Variable*> parts;  // one per file, if it is joined
  std::size_t axis = 0;                    // along which
  bool as_stored = true;
};

struct JoinedFile {
  std::vector<File> files;
  std::vector<JoinedVariable> variables;
  std::vector<std::string> texts;     // data sets of text in the first file, by path
  std::vector<std::string> left_out;  // what cannot be copied and why
};

// Looks into all files. names: variables and groups, with or without the leading slash; none means
// all. dimension: "" for the only unlimited one of the first file, or in files without such names
// for the first axes that are unlimited. Throws Error (input) if a file does not fit the first one,
// saying why; (usage) if it is not clear what to join along.
JoinedFile join_files(Session& session, const std::vector<std::string>& paths,
                      const std::vector<std::string>& names, const std::string& dimension);

}  // namespace rankine::apps
