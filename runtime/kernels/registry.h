// Functions of the program by names that hold on every rank: which module (executable or shared
// library, by its build-id) and how far from the start of it. Nothing is registered: any address
// inside a loaded module has a name, and the name is an address on every rank that runs the same
// build, wherever the loader put it there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace rankine::kernels {

// A loaded executable or shared library.
struct Module {
  std::string path;      // for people; may differ between ranks
  std::string build_id;  // hexadecimal
  bool operator==(const Module&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(path, build_id);
  }
};

struct FunctionName {
  std::uint32_t module = 0;  // index into a ModuleTable
  std::uint64_t offset = 0;
  bool operator==(const FunctionName&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(module, offset);
  }
};

// The modules that the names of one graph speak of. Travels with them.
class ModuleTable {
 public:
  // Throws Error (usage) if the address lies in no module, or in one without a build-id.
  FunctionName name_of(const void* address);
  const std::vector<Module>& modules() const { return modules_; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(modules_);
  }

 private:
  // Where the modules lie in this process, by index; known only where names were given.
  struct Range {
    std::uintptr_t base = 0;
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
  };
  std::vector<Module> modules_;
  std::vector<Range> ranges_;
};

// The modules of a table in this process: names to addresses.
class FoundModules {
 public:
  // Throws Error (usage) naming both builds if this process lacks one of them.
  explicit FoundModules(const ModuleTable& table);
  // Throws Error (usage) if the name is of no module.
  const void* address_of(const FunctionName& name) const;

 private:
  std::vector<std::uintptr_t> bases_;
};

// The executable of this process.
Module own_program();

// For people: the name of the function around the address where its module exports it, else
// "job+0x1a2b".
std::string describe_address(const void* address);

}  // namespace rankine::kernels
