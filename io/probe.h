// Looking into input files in a child process, because damaged files can crash or hang the HDF5
// library. The child is this executable, started again with a hidden first argument.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/h5/file_info.h"
#include "io/h5/raw_compare.h"
#include "io/h5/texts.h"
#include "io/parts.h"
#include "runtime/base/error.h"

namespace rankine::io {

// main() calls this before anything else. Serves the requests of the parent and ends the process if
// argv asks for that; else returns nothing at once. An exit code is returned if the hidden argument
// was used by hand.
std::optional<int> run_probe_child(int argc, char** argv);

// While one lives, the child of one request waits for the next, which then need not start one: for
// who asks often. A child that ended while it waited is replaced.
class KeptProbe {
 public:
  KeptProbe();
  ~KeptProbe();
  KeptProbe(const KeptProbe&) = delete;
  KeptProbe& operator=(const KeptProbe&) = delete;
};

struct ProbeOptions {
  std::string executable = "/proc/self/exe";  // its main() calls run_probe_child
  int timeout_ms = 20'000;   // without a sign of life: the child is killed, the file is an error
  bool coordinates = false;  // read them too: FileInfo::coordinates
};

// What became of one file.
struct Probed {
  std::optional<FileInfo> info;  // or
  Error error;                   // (input), if info is empty
};

// Every file by itself: one that crashes or hangs the library is an error, and a new child goes on
// with the next. Blocks; one thread at a time is enough. Throws Error only if no child can start,
// or at a signal that StopSignals watches for: then the child is ended, and the files are not
// blamed.
std::vector<Probed> try_probe_files(const std::vector<std::string>& paths,
                                    const ProbeOptions& options = {});

// All of them, or throws the first error.
std::vector<FileInfo> probe_files(const std::vector<std::string>& paths,
                                  const ProbeOptions& options = {});

// The chunk index of each data set (empty if it is not chunked or is read through the library).
// Data sets that are read through the library are read once, whole, in the child: only after that
// may a rank do it. Throws the first error.
struct Place {
  std::string file, dataset;
};
std::vector<ChunkIndex> probe_indexes(const std::vector<Place>& places,
                                      const ProbeOptions& options = {});
std::vector<ChunkIndex> probe_indexes(const std::string& file,
                                      const std::vector<std::string>& datasets,
                                      const ProbeOptions& options = {});

// The texts of each data set. Throws the first error.
std::vector<Texts> probe_texts(const std::vector<Place>& places, const ProbeOptions& options = {});

// How data sets of one shape whose elements are no numbers differ. Throws the first error.
std::vector<RawDifference> probe_differences(const std::vector<std::pair<Place, Place>>& pairs,
                                             const ProbeOptions& options = {});

// What readers of these data sets need to know beside them, by one child. Throws the first error.
std::vector<ChunkMap> probe_maps(const std::vector<const Dataset*>& datasets,
                                 const ProbeOptions& options = {});

}  // namespace rankine::io
