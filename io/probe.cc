#include "io/probe.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "io/dataset.h"
#include "io/h5/index_code.h"
#include "io/h5/inspect.h"
#include "io/h5/record_driver.h"
#include "io/h5/slow_read.h"
#include "io/probe_child.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RANKINE_HUGE_ADDRESS_SPACE 1  // shadow memory
#endif

namespace rankine::io {
namespace {

constexpr rlim_t kMostMemory = rlim_t{8} << 30;  // bytes; damaged sizes ask for much more
constexpr rlim_t kCpuSecondsPerItem = 120;       // a child that outlived its parent ends too

// ---- the child ----

void limit_memory() {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
#ifndef RANKINE_HUGE_ADDRESS_SPACE
  const rlimit memory{kMostMemory, kMostMemory};
  ::setrlimit(RLIMIT_AS, &memory);
#endif
}

void renew_cpu_time() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  rlimit limit{};
  if (::getrlimit(RLIMIT_CPU, &limit) != 0) return;
  const auto seconds = static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec);
  limit.rlim_cur = std::min(limit.rlim_max, seconds + kCpuSecondsPerItem);
  ::setrlimit(RLIMIT_CPU, &limit);
}

// Chunks that cannot be read: the error of the first, and which else.
class BadChunks {
 public:
  static constexpr std::size_t kMost = 16;

  void add(const Extents& coordinate, Error error) {
    if (count_++ > 0) {
      others_ += (count_ > 2 ? ", " : "") + to_string(coordinate);
      return;
    }
    error.where += ", chunk " + to_string(coordinate);
    first_ = std::move(error);
  }
  bool are_many() const { return count_ == kMost; }

  void throw_if_any() {
    if (count_ == 0) return;
    if (count_ > 1) first_.message += "; so it is with the chunks " + others_;
    if (are_many()) first_.message += ", and what follows was not read";
    throw first_;
  }

 private:
  Error first_;
  std::string others_;
  std::size_t count_ = 0;
};

// Its chunks, or some rows where there are none.
ChunkGrid boxes_of(const Variable& variable, std::size_t element_size) {
  return variable.layout == Layout::kChunked ? ChunkGrid::regular(variable.shape, variable.chunk)
                                             : virtual_grid(variable.shape, element_size);
}

// Reads everything once: what crashes the library does it here.
void read_whole(const std::string& file, const Variable& variable, std::string_view dataset,
                const std::function<void()>& alive) {
  const SlowReader reader(file, std::string(dataset));
  const ChunkGrid grid = boxes_of(variable, variable.element_size);
  const Extents counts = grid.counts();
  const bool chunked = variable.layout == Layout::kChunked;
  std::vector<std::byte> bytes;
  BadChunks bad;
  for (std::int64_t i = 0; i < grid.chunk_count() && !bad.are_many(); ++i) {
    const Extents coordinate = coordinate_of(i, counts);
    const Box box = grid.chunk_box(coordinate);
    bytes.resize(static_cast<std::size_t>(box.size()) * size_of(*variable.dtype));
    try {
      reader.read(box, bytes.data());
    } catch (Error& error) {
      if (!chunked) throw;
      bad.add(coordinate, std::move(error));
    }
    alive();
  }
  bad.throw_if_any();
}

RawDifference difference_of(const ProbeRequest::Item& item, const std::function<void()>& alive) {
  const RawPair pair({item.file, item.dataset}, {item.other_file, item.other_dataset});
  RawDifference found;
  found.other_types = pair.other_types();
  found.left_out = pair.left_out();
  if (pair.element_size() == 0) return found;
  const ChunkGrid grid = boxes_of(pair.variable(), pair.element_size());
  const Extents counts = grid.counts();
  for (std::int64_t i = 0; i < grid.chunk_count(); ++i) {
    pair.compare(grid.chunk_box(coordinate_of(i, counts)), found);
    alive();
  }
  return found;
}

ProbeAnswer::PackedIndex index_of(const std::string& file, const std::string& dataset,
                                  const std::function<void()>& alive) {
  const Variable variable = inspect_dataset(file, dataset);
  ChunkIndex index;
  if (!variable.direct_problem.empty()) {
    read_whole(file, variable, dataset, alive);
  } else if (variable.layout == Layout::kChunked) {
    index = record_index(file, dataset, alive);
  }
  return {pack_index(index)};
}

ProbeAnswer answer_to(const ProbeRequest& request, const ProbeRequest::Item& item,
                      const std::function<void()>& alive) try {
  if (!item.other_file.empty()) return {difference_of(item, alive)};
  if (item.texts) return {read_texts(item.file, item.dataset)};
  if (!item.dataset.empty()) return {index_of(item.file, item.dataset, alive)};
  return {inspect(item.file, request.coordinates)};
} catch (const Error& error) {
  return {error};
} catch (const std::exception& failure) {
  return {input_error(std::string("cannot look into the file: ") + failure.what(), item.place())};
}

// Whatever the library is doing when the other side goes away, nobody waits for it any longer. (A
// signal at the parent's death would come when the thread that started the child ends.)
void end_with_other_side(int socket) {
  const auto watch = [socket] {
    pollfd gone{socket, 0, 0};  // hang-up is always told
    while (::poll(&gone, 1, -1) < 0 && errno == EINTR) {
    }
    ::_exit(1);
  };
  try {
    std::thread(watch).detach();
  } catch (const std::system_error&) {
    // No thread is to be had: the end of the request, or of its CPU time, ends the child.
  }
}

[[noreturn]] void serve(int socket) {
  limit_memory();
  end_with_other_side(socket);
  const auto alive = [&] {
    renew_cpu_time();
    if (!send_message(socket, to_bytes(ProbeAnswer{}))) ::_exit(1);
  };
  alive();
  for (;;) {
    const auto message = receive_message(socket, -1);
    if (!message.bytes) break;  // nothing more is wanted
    const auto request = from_bytes<ProbeRequest>(*message.bytes);
    set_access(request.access);
    for (std::size_t i = request.first; i < request.items.size(); ++i) {
      renew_cpu_time();
      const ProbeAnswer answer = answer_to(request, request.items[i], alive);
      if (!send_message(socket, to_bytes(answer))) ::_exit(1);
    }
  }
  // Some damaged files crash the library when it closes down.
  ::_exit(0);
}

// ---- the parent ----

Error failure_of(const ProbeRequest::Item& item, const std::string& reason) {
  return input_error("the HDF5 library " + reason, item.place(),
                     "the file is damaged; make or copy it again");
}

// The child that waits for the next request while somebody wants that.
class WaitingChild {
 public:
  static WaitingChild& of_process() {
    static WaitingChild waiting;  // ended with the process
    return waiting;
  }

  void change_wanted(int by) {
    std::unique_ptr<ProbeChild> ended;  // without the mutex
    const std::lock_guard lock(mutex_);
    wanted_ += by;
    if (wanted_ == 0) ended = std::move(child_);
  }

  std::unique_ptr<ProbeChild> take(const std::string& executable) {
    const std::lock_guard lock(mutex_);
    return child_ && child_->executable() == executable ? std::move(child_) : nullptr;
  }

  void put(std::unique_ptr<ProbeChild> child) {
    const std::lock_guard lock(mutex_);
    if (wanted_ > 0 && !child_) child_ = std::move(child);
  }

 private:
  std::mutex mutex_;
  int wanted_ = 0;
  std::unique_ptr<ProbeChild> child_;
};

// One answer per item, in order; a new child for what follows an item that ended the last one.
std::vector<ProbeAnswer> ask(ProbeRequest request, const ProbeOptions& options) {
  std::vector<ProbeAnswer> answers;
  std::unique_ptr<ProbeChild> child = WaitingChild::of_process().take(options.executable);
  bool has_waited = child != nullptr;  // and may have ended meanwhile: that is no item's fault
  while (answers.size() < request.items.size()) {
    request.first = answers.size();
    if (!child) child = std::make_unique<ProbeChild>(options);
    child->request(request, options.timeout_ms);
    while (answers.size() < request.items.size()) {
      if (auto answer = child->next()) {
        has_waited = false;
        answers.push_back(std::move(*answer));
        continue;
      }
      if (!has_waited) {
        ProbeAnswer failed;
        failed.value = failure_of(request.items[answers.size()], child->reason());
        answers.push_back(std::move(failed));
      }
      has_waited = false;
      child.reset();
      break;
    }
  }
  if (child) WaitingChild::of_process().put(std::move(child));
  return answers;
}

ProbeRequest request_for(const std::vector<Place>& places) {
  ProbeRequest request;
  request.access = access();
  for (const Place& place : places) {
    ProbeRequest::Item& item = request.items.emplace_back();
    item.file = place.file;
    item.dataset = place.dataset;
  }
  return request;
}

}  // namespace

KeptProbe::KeptProbe() { WaitingChild::of_process().change_wanted(1); }
KeptProbe::~KeptProbe() { WaitingChild::of_process().change_wanted(-1); }

std::optional<int> run_probe_child(int argc, char** argv) {
  if (argc < 2 || std::strcmp(argv[1], kProbeArgument) != 0) return std::nullopt;
  int socket = -1;
  if (argc == 3) std::from_chars(argv[2], argv[2] + std::strlen(argv[2]), socket);
  int type = 0;
  socklen_t length = sizeof(type);
  const bool is_socket =
      socket >= 0 && ::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &length) == 0;
  if (!is_socket) return static_cast<int>(ExitCode::kUsage);
  try {
    serve(socket);
  } catch (const std::exception&) {
    ::_exit(1);
  }
}

std::vector<Probed> try_probe_files(const std::vector<std::string>& paths,
                                    const ProbeOptions& options) {
  ProbeRequest request;
  request.access = access();
  request.coordinates = options.coordinates;
  for (const auto& path : paths) request.items.emplace_back().file = path;
  std::vector<Probed> results;
  for (auto& answer : ask(std::move(request), options)) {
    Probed& result = results.emplace_back();
    if (auto* info = std::get_if<FileInfo>(&answer.value)) result.info = std::move(*info);
    else if (auto* error = std::get_if<Error>(&answer.value)) result.error = std::move(*error);
  }
  return results;
}

std::vector<FileInfo> probe_files(const std::vector<std::string>& paths,
                                  const ProbeOptions& options) {
  std::vector<FileInfo> infos;
  for (auto& probed : try_probe_files(paths, options)) {
    if (!probed.info) throw probed.error;
    infos.push_back(std::move(*probed.info));
  }
  return infos;
}

std::vector<ChunkIndex> probe_indexes(const std::vector<Place>& places,
                                      const ProbeOptions& options) {
  std::vector<ChunkIndex> indexes;
  for (const auto& answer : ask(request_for(places), options)) {
    if (const auto* error = std::get_if<Error>(&answer.value)) throw *error;
    indexes.push_back(unpack_index(std::get<ProbeAnswer::PackedIndex>(answer.value).bytes));
  }
  return indexes;
}

std::vector<ChunkIndex> probe_indexes(const std::string& file,
                                      const std::vector<std::string>& datasets,
                                      const ProbeOptions& options) {
  std::vector<Place> places;
  for (const auto& dataset : datasets) places.push_back({file, dataset});
  return probe_indexes(places, options);
}

std::vector<Texts> probe_texts(const std::vector<Place>& places, const ProbeOptions& options) {
  ProbeRequest request = request_for(places);
  for (ProbeRequest::Item& item : request.items) item.texts = true;
  std::vector<Texts> found;
  for (auto& answer : ask(std::move(request), options)) {
    if (const auto* error = std::get_if<Error>(&answer.value)) throw *error;
    found.push_back(std::move(std::get<Texts>(answer.value)));
  }
  return found;
}

std::vector<RawDifference> probe_differences(const std::vector<std::pair<Place, Place>>& pairs,
                                             const ProbeOptions& options) {
  ProbeRequest request;
  request.access = access();
  for (const auto& [a, b] : pairs) {
    request.items.push_back({a.file, a.dataset, false, b.file, b.dataset});
  }
  std::vector<RawDifference> found;
  for (auto& answer : ask(std::move(request), options)) {
    if (const auto* error = std::get_if<Error>(&answer.value)) throw *error;
    found.push_back(std::move(std::get<RawDifference>(answer.value)));
  }
  return found;
}

std::vector<ChunkMap> probe_maps(const std::vector<const Dataset*>& datasets,
                                 const ProbeOptions& options) {
  std::vector<ChunkMap> maps(datasets.size());
  std::vector<Place> places;
  std::vector<ChunkIndex*> wanted;  // into maps, which no longer grow once they are named here
  const std::function<void(const Dataset&, ChunkMap&)> collect = [&](const Dataset& dataset,
                                                                     ChunkMap& map) {
    if (dataset.is_put_together()) {
      map.parts = *dataset.parts;
      map.maps.resize(map.parts.size());
      for (std::size_t i = 0; i < map.parts.size(); ++i) {
        collect(map.parts[i].dataset, map.maps[i]);
      }
    } else if (dataset.layout == Layout::kChunked || !dataset.direct) {
      places.push_back({dataset.file, dataset.path});
      wanted.push_back(&map.index);
    }
  };
  for (std::size_t i = 0; i < datasets.size(); ++i) collect(*datasets[i], maps[i]);
  if (places.empty()) return maps;
  std::vector<ChunkIndex> found = probe_indexes(places, options);
  for (std::size_t i = 0; i < found.size(); ++i) *wanted[i] = std::move(found[i]);
  return maps;
}

}  // namespace rankine::io
