// The two ends of the pipe between probe.h and its child. Only for io.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "io/h5/access.h"
#include "io/h5/file_info.h"
#include "io/probe.h"
#include "runtime/base/archive.h"

namespace rankine::io {

inline constexpr const char* kProbeArgument = "--rankine-probe";

// Files to inspect, data sets whose chunks to find, whose texts to read or which to compare.
struct ProbeRequest {
  struct Item {
    std::string file;
    std::string dataset;        // "": inspect the file
    bool texts = false;         // read the texts that the data set holds
    std::string other_file;     // compare with a data set of it
    std::string other_dataset;  // likewise
    template <class Archive>
    void serialize(Archive& archive) {
      archive(file, dataset, texts, other_file, other_dataset);
    }
    std::string place() const { return dataset.empty() ? file : file + ":" + dataset; }
  };
  Access access;
  bool coordinates = false;  // of inspected files
  std::vector<Item> items;
  std::uint64_t first = 0;  // items before it are done
  template <class Archive>
  void serialize(Archive& archive) {
    archive(access, coordinates, items, first);
  }
};

// Sent for every item in order; `alive` in between says that work goes on.
struct ProbeAnswer {
  struct Alive {
    template <class Archive>
    void serialize(Archive&) {}
  };
  struct PackedIndex {
    std::string bytes;  // of pack_index
    template <class Archive>
    void serialize(Archive& archive) {
      archive(bytes);
    }
  };
  std::variant<Alive, FileInfo, PackedIndex, Texts, RawDifference, Error> value;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(value);
  }
};

// Whole messages through a socket. False when the other side is gone.
bool send_message(int socket, const Bytes& bytes);
// Empty when the other side is gone, or silent for timeout_ms (-1: no limit). Throws
// stopped_by_signal() within 100 ms of a signal that StopSignals watches for.
struct Received {
  std::optional<Bytes> bytes;
  bool timed_out = false;
};
Received receive_message(int socket, int timeout_ms);

// A running child that has greeted. Serves one request after the other. Killed and reaped when
// destroyed.
class ProbeChild {
 public:
  explicit ProbeChild(const ProbeOptions& options);
  ~ProbeChild();
  ProbeChild(const ProbeChild&) = delete;
  ProbeChild& operator=(const ProbeChild&) = delete;

  // Asks; all answers to the request before have come. timeout_ms: of silence.
  void request(const ProbeRequest& request, int timeout_ms);
  // The answer to the next item; empty if the child died or went silent, and then reason() says
  // how.
  std::optional<ProbeAnswer> next();
  const std::string& reason() const { return reason_; }
  const std::string& executable() const { return executable_; }

 private:
  void start();
  void greet();
  int reap();
  void end(bool timed_out);

  const std::string executable_;
  int timeout_ms_;
  int socket_ = -1;
  pid_t pid_ = -1;
  std::string reason_;
};

}  // namespace rankine::io
