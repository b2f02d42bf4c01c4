// The probe child is the running executable, so these tests need a main() that can be one.
#include <gtest/gtest.h>

#include "io/probe.h"

int main(int argc, char** argv) {
  if (const auto code = rankine::io::run_probe_child(argc, argv)) return *code;
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
