// How fast the chunks of a file can be decoded or encoded with nothing around it: threads that take
// the next chunk, read it, and undo or apply its filters. The bar for whatever reads or writes;
// io.py starts it.
//
//     bench_codec decode FILE THREADS < list
//     bench_codec encode FILE THREADS CODEC < list     the stored chunks are plain float32
//
// The list, in numbers: bytes of a decoded chunk; how many filters, and of each its id, how many
// parameters, and these; then of each chunk its address and its stored bytes. Prints seconds.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "io/encode.h"
#include "io/filters.h"
#include "runtime/base/error.h"

namespace {

using namespace rankine;
using Bytes = std::span<const std::byte>;

struct Stored {
  off_t address = 0;
  std::size_t size = 0;
};

struct Work {
  std::size_t chunk_bytes = 0;
  std::vector<io::Filter> filters;
  std::vector<Stored> chunks;
};

Error wrong(const std::string& what) { return Error(ExitCode::kUsage, what); }

Work read_list(std::istream& in) {
  Work work;
  std::size_t filters = 0;
  in >> work.chunk_bytes >> filters;
  for (std::size_t i = 0; i < filters && in; ++i) {
    io::Filter filter;
    std::size_t count = 0;
    in >> filter.id >> count;
    filter.parameters.resize(in ? count : 0);
    for (std::uint32_t& parameter : filter.parameters) in >> parameter;
    work.filters.push_back(std::move(filter));
  }
  if (!in) throw wrong("the list ends among the filters");
  for (Stored chunk; in >> chunk.address >> chunk.size;) work.chunks.push_back(chunk);
  return work;
}

// What is done with the stored bytes of each chunk.
using Each = std::function<void(Bytes)>;

// For one thread.
Each decoder(const Work& work) {
  return [&work, out = std::vector<std::byte>(work.chunk_bytes),
          scratch = std::make_shared<io::FilterScratch>()](Bytes stored) mutable {
    if (!work.filters.empty()) io::undo_filters(work.filters, 0, stored, out, *scratch);
  };
}

Each encoder(const Work& work, const io::Codec& codec) {
  io::OutputVariable variable;
  variable.name = "x";
  variable.dtype = DType::kFloat32;
  variable.codec = codec;
  variable.chunk = variable.shape = {static_cast<std::int64_t>(work.chunk_bytes / sizeof(float))};
  return [variable, out = std::vector<std::byte>(),
          scratch = std::make_shared<io::EncodeScratch>()](Bytes stored) mutable {
    io::encode_chunk(variable, Box::whole(variable.shape), stored.data(), *scratch, out);
  };
}

void go_through(const Work& work, int file, std::atomic<std::size_t>& next, const Each& each) {
  std::vector<std::byte> stored;
  for (std::size_t i = next++; i < work.chunks.size(); i = next++) {
    const auto& [address, size] = work.chunks[i];
    stored.resize(size);
    if (pread(file, stored.data(), size, address) != static_cast<ssize_t>(size)) {
      throw wrong("a chunk could not be read");
    }
    each(stored);
  }
}

double seconds_of(const Work& work, int file, int threads, const std::function<Each()>& make) {
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  std::vector<std::jthread> team;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < threads; ++i) {
    team.emplace_back([&] {
      try {
        go_through(work, file, next, make());
      } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        failed = true;
      }
    });
  }
  team.clear();  // waits for them
  if (failed) throw wrong("not every chunk was gone through");
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const bool encodes = words.size() == 4 && words[0] == "encode";
  if (!encodes && (words.size() != 3 || words[0] != "decode")) {
    throw wrong("usage: bench_codec decode|encode FILE THREADS [CODEC] < list");
  }
  const Work work = read_list(std::cin);
  const int file = open(words[1].c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw wrong(words[1] + " could not be opened");
  const io::Codec codec = encodes ? io::parse_codec(words[3]) : io::Codec();
  std::cout << seconds_of(work, file, std::max(1, std::stoi(words[2])), [&] {
    return encodes ? encoder(work, codec) : decoder(work);
  }) << '\n';
  return 0;
} catch (const std::exception& error) {
  std::cerr << "bench_codec: " << error.what() << '\n';
  return 1;
}
