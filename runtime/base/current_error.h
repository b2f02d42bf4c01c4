// The exception in flight as the one failure type.
#pragma once

#include <new>

#include "runtime/base/error.h"

namespace rankine {

// Only inside a catch block.
inline Error current_error() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error(ExitCode::kTaskFailed, "out of memory", {}, "use more ranks or fewer threads");
  } catch (const std::exception& failure) {
    return Error(ExitCode::kTaskFailed, failure.what());
  } catch (...) {
    return Error(ExitCode::kTaskFailed, "something was thrown that is no exception");
  }
}

}  // namespace rankine
