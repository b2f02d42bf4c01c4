// Any bytes either parse or are refused as usage; what parses prints to a program of equal meaning.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "apps/language/parse.h"
#include "runtime/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rankine;
  language::Ast ast;
  try {
    ast = language::parse(std::string(reinterpret_cast<const char*>(data), size));
  } catch (const Error& error) {
    if (error.exit_code != ExitCode::kUsage) std::abort();
    return 0;
  }
  try {
    if (!(language::parse(language::to_text(ast)) == ast)) std::abort();
  } catch (const Error&) {
    // The parentheses that to_text adds may pass the limits of nesting and length.
  }
  return 0;
}
