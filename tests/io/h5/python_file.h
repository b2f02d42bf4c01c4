// Input files made by h5py, NumPy's word on what is in them beside.
#pragma once

#include <fstream>
#include <stdexcept>
#include <string>

#include "tests/io/h5/sample_output.h"

namespace rankine::io::test {

// Runs a Python program that makes folder/name; returns its path. The program knows `path`, h5py,
// np, rng, raw(name, array): writes the array's bytes to folder/name for comparison.
inline std::string python_file(const TempFolder& folder, const std::string& name,
                               const std::string& program) {
  const std::string path = folder / name;
  const std::string script = folder / (name + ".py");
  std::ofstream stream(script);
  stream << "import h5py, os\nimport numpy as np\nrng = np.random.default_rng(7)\npath = '" << path
         << "'\ndef raw(name, array):\n  np.ascontiguousarray(array).tofile('" << folder.path()
         << "/' + name)\n"
         << program << "\n";
  stream.close();
  const auto result = run_command("/usr/bin/python3 " + script);
  if (result.status != 0) throw std::runtime_error("python: " + result.text);
  return path;
}

// Throws the Error that a call must throw, or fails.
template <class Call>
Error error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  throw std::runtime_error("no error was thrown");
}

}  // namespace rankine::io::test
