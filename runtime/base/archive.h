// Values to bytes and back with Cereal's portable binary format, behind a header that says what
// the bytes are: magic, format version, length and checksum. A changed, cut or foreign byte string
// is an Error, never a wrong value (Cereal alone would accept it).
#pragma once

#include <cereal/archives/portable_binary.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/memory.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>
#include <cstddef>
#include <span>
#include <sstream>
#include <vector>

#include "runtime/base/archive_reader.h"
#include "runtime/base/error.h"

namespace rankine {

using Bytes = std::vector<std::byte>;

Bytes seal(std::string_view payload);                       // header + payload
std::string_view unseal(std::span<const std::byte> bytes);  // checks the header; throws Error

template <class... Values>
Bytes to_bytes(const Values&... values) {
  std::ostringstream stream;
  {
    cereal::PortableBinaryOutputArchive archive(stream);
    archive(values...);
  }
  return seal(stream.str());
}

template <class Value>
Value from_bytes(std::span<const std::byte> bytes) {
  Value value;
  try {
    ArchiveReader archive(unseal(bytes));
    archive(value);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& failure) {  // Cereal's own, or a length that no memory can hold
    throw input_error(std::string("cannot read an archive: ") + failure.what(), "");
  }
  return value;
}

}  // namespace rankine
