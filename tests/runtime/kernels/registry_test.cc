// Functions by build-id and offset.
#include "runtime/kernels/registry.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include "runtime/base/archive.h"
#include "runtime/base/error.h"

namespace rankine::kernels {
namespace {

int one() { return 1; }
int two() { return 2; }

const void* address(int (*function)()) { return reinterpret_cast<const void*>(function); }

TEST(Registry, NamesAreAddressesAgain) {
  ModuleTable table;
  const FunctionName a = table.name_of(address(one)), b = table.name_of(address(two));
  EXPECT_FALSE(a == b);
  EXPECT_EQ(a.module, b.module);
  const void* library = ::dlsym(RTLD_DEFAULT, "puts");  // of another module
  ASSERT_NE(library, nullptr);
  const FunctionName c = table.name_of(library);
  EXPECT_EQ(table.modules().size(), 2u);
  const FoundModules travelled(from_bytes<ModuleTable>(to_bytes(table)));
  EXPECT_EQ(travelled.address_of(a), address(one));
  EXPECT_EQ(travelled.address_of(b), address(two));
  EXPECT_EQ(travelled.address_of(c), library);
}

TEST(Registry, ADifferentBuildIsRefusedWithBothNames) {
  // A program with the name of this one and another build-id, as another rank would send it.
  struct Forged {
    std::vector<Module> modules;
    void serialize(cereal::PortableBinaryOutputArchive& archive) { archive(modules); }
  };
  ModuleTable table;
  const FunctionName name = table.name_of(address(one));
  Forged forged{table.modules()};
  forged.modules[0].build_id = "0123456789abcdef";
  const auto other = from_bytes<ModuleTable>(to_bytes(forged));
  try {
    FoundModules{other};
    FAIL() << "no exception";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code, ExitCode::kUsage);
    EXPECT_NE(error.message.find("0123456789abcdef"), std::string::npos) << error.message;
    EXPECT_NE(error.message.find(table.modules()[0].build_id), std::string::npos) << error.message;
  }
  EXPECT_EQ(FoundModules(table).address_of(name), address(one));
  EXPECT_THROW(FoundModules(table).address_of({5, 0}), Error);
}

TEST(Registry, RefusesWhatIsNoFunction) {
  int on_the_stack = 0;
  ModuleTable table;
  EXPECT_THROW(table.name_of(&on_the_stack), Error);
  EXPECT_TRUE(table.modules().empty());
}

TEST(Registry, NamesForPeopleAreTrueOrNone) {
  // Sanitizers put a function of theirs in its place.
  EXPECT_NE(describe_address(::dlsym(RTLD_DEFAULT, "qsort")).find("qsort"), std::string::npos);
  const std::string mine = describe_address(address(two));
  EXPECT_TRUE(mine.find("two") != std::string::npos || mine.find("+0x") != std::string::npos)
      << mine;
}

}  // namespace
}  // namespace rankine::kernels
