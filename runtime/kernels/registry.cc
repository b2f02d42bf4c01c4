#include "runtime/kernels/registry.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "runtime/base/error.h"

namespace rankine::kernels {
namespace {

// A module of this process.
struct Loaded {
  Module module;
  std::uintptr_t base = 0;
  std::uintptr_t begin = 0;  // [begin, end) holds all its segments
  std::uintptr_t end = 0;
};

std::string hex(const unsigned char* bytes, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

// The build-id among the notes of one PT_NOTE segment; empty if it is not there.
std::string build_id_in(std::uintptr_t first, std::size_t size) {
  constexpr auto padded = [](std::size_t bytes) { return (bytes + 3) / 4 * 4; };
  std::size_t at = 0;
  while (at + sizeof(ElfW(Nhdr)) <= size) {
    ElfW(Nhdr) note;
    std::memcpy(&note, reinterpret_cast<const void*>(first + at), sizeof note);
    const std::size_t name = at + sizeof note;
    const std::size_t text = name + padded(note.n_namesz);
    const std::size_t next = text + padded(note.n_descsz);
    if (next > size) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
        std::memcmp(reinterpret_cast<const void*>(first + name), "GNU", 4) == 0) {
      return hex(reinterpret_cast<const unsigned char*>(first + text), note.n_descsz);
    }
    at = next;
  }
  return {};
}

Loaded describe(const dl_phdr_info& info) {
  Loaded loaded;
  loaded.base = info.dlpi_addr;
  loaded.module.path = info.dlpi_name;
  loaded.begin = UINTPTR_MAX;
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info.dlpi_phdr[i];
    const std::uintptr_t first = info.dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD) {
      loaded.begin = std::min(loaded.begin, first);
      loaded.end = std::max(loaded.end, first + header.p_memsz);
    }
    if (header.p_type == PT_NOTE && loaded.module.build_id.empty()) {
      loaded.module.build_id = build_id_in(first, header.p_memsz);
    }
  }
  return loaded;
}

// Looked up afresh each time: libraries may be loaded while the program runs.
std::vector<Loaded> loaded_modules() {
  std::vector<Loaded> modules;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* to) {
        static_cast<std::vector<Loaded>*>(to)->push_back(describe(*info));
        return 0;
      },
      &modules);
  if (!modules.empty() && modules.front().module.path.empty()) {
    std::error_code ignored;
    modules.front().module.path = std::filesystem::read_symlink("/proc/self/exe", ignored);
  }
  return modules;
}

std::optional<Loaded> module_around(const void* address) {
  const auto where = reinterpret_cast<std::uintptr_t>(address);
  for (Loaded& loaded : loaded_modules()) {
    if (where >= loaded.begin && where < loaded.end) return std::move(loaded);
  }
  return std::nullopt;
}

}  // namespace

Module own_program() {
  std::vector<Loaded> modules = loaded_modules();
  return modules.empty() ? Module() : std::move(modules.front().module);
}

FunctionName ModuleTable::name_of(const void* address) {
  const auto where = reinterpret_cast<std::uintptr_t>(address);
  for (std::uint32_t i = 0; i < ranges_.size(); ++i) {
    if (where >= ranges_[i].begin && where < ranges_[i].end) return {i, where - ranges_[i].base};
  }
  const std::optional<Loaded> loaded = module_around(address);
  if (!loaded) {
    throw usage_error("a task function lies in no module of the program",
                      "pass a function, a lambda without captures or a functor");
  }
  if (loaded->module.build_id.empty()) {
    throw usage_error(loaded->module.path + " has no build-id, so its functions have no names",
                      "link it with -Wl,--build-id");
  }
  modules_.push_back(loaded->module);
  ranges_.push_back({loaded->base, loaded->begin, loaded->end});
  return {static_cast<std::uint32_t>(ranges_.size() - 1), where - loaded->base};
}

FoundModules::FoundModules(const ModuleTable& table) {
  const std::vector<Loaded> here = loaded_modules();
  for (const Module& wanted : table.modules()) {
    const auto found = std::find_if(here.begin(), here.end(), [&](const Loaded& loaded) {
      return loaded.module.build_id == wanted.build_id;
    });
    if (found != here.end()) {
      bases_.push_back(found->base);
      continue;
    }
    const auto file = std::filesystem::path(wanted.path).filename();
    const auto other = std::find_if(here.begin(), here.end(), [&](const Loaded& loaded) {
      return std::filesystem::path(loaded.module.path).filename() == file;
    });
    throw usage_error(
        "ranks run different programs: rank 0 has " + wanted.path + " with build-id " +
            wanted.build_id + ", this rank " +
            (other == here.end() ? "no such library"
                                 : other->module.path + " with build-id " + other->module.build_id),
        "start one build everywhere");
  }
}

const void* FoundModules::address_of(const FunctionName& name) const {
  if (name.module >= bases_.size()) throw usage_error("a function of no module arrived");
  return reinterpret_cast<const void*>(bases_[name.module] + name.offset);
}

std::string describe_address(const void* address) {
  const std::optional<Loaded> loaded = module_around(address);
  if (!loaded) return "an unknown function";
  Dl_info info{};
  const ElfW(Sym)* symbol = nullptr;
  void* entry = nullptr;
  const bool known = ::dladdr1(address, &info, &entry, RTLD_DL_SYMENT) != 0;
  if (known && info.dli_sname != nullptr) symbol = static_cast<const ElfW(Sym)*>(entry);
  // Of what is not exported the name of something before it would be found.
  const auto offset =
      reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(info.dli_saddr);
  if (symbol != nullptr && offset < symbol->st_size) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> name(
        abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status), &std::free);
    return status == 0 ? name.get() : info.dli_sname;
  }
  return fmt::format("{}+{:#x}", std::filesystem::path(loaded->module.path).filename().string(),
                     reinterpret_cast<std::uintptr_t>(address) - loaded->base);
}

}  // namespace rankine::kernels
