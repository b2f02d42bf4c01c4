// Reads what Cereal's portable binary archive wrote on a machine of this byte order, and believes
// nothing of it: no count beyond the bytes that are there, no flag but 0 and 1, no value of an
// enumeration that has none. So memory stays within a constant factor of the length of the bytes.
#pragma once

#include <cereal/archives/portable_binary.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "runtime/base/error.h"

namespace rankine {

// An enumeration that says how many values it has, from 0 on: value_count(E), found by its
// argument.
template <class T>
concept CountedEnum = std::is_enum_v<T> && requires(T value) {
  value_count(value);
};

class ArchiveReader : public cereal::InputArchive<ArchiveReader, cereal::AllowEmptyClassElision> {
 public:
  // The payload must outlive the reader. Throws Error (input), as all reading does.
  explicit ArchiveReader(std::string_view payload);

  void read(void* data, std::size_t size);
  std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
};

// What Cereal calls, by the names it gives.

template <class T>
requires std::is_arithmetic_v<T>
void load(ArchiveReader& archive, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    std::uint8_t byte = 0;
    archive.read(&byte, 1);
    if (byte > 1) throw input_error("an archive holds a flag that is neither 0 nor 1", "");
    value = byte != 0;
  } else {
    archive.read(&value, sizeof value);
  }
}

template <class T>
void load(ArchiveReader& archive, cereal::BinaryData<T>& data) {
  archive.read(data.data, static_cast<std::size_t>(data.size));
}

template <class T>
void serialize(ArchiveReader& archive, cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}

// Elements take one byte at least.
template <class T>
void serialize(ArchiveReader& archive, cereal::SizeTag<T>& tag) {
  archive(tag.size);
  if (tag.size > archive.left()) throw input_error("an archive is shorter than its lists", "");
}

template <CountedEnum T>
void epilogue(ArchiveReader&, const T& value) {
  if (static_cast<std::uint64_t>(value) >= static_cast<std::uint64_t>(value_count(value))) {
    throw input_error("an archive holds a value that has no meaning", "");
  }
}

}  // namespace rankine

// What writes the bytes that an ArchiveReader reads.
template <>
struct cereal::traits::detail::get_output_from_input<rankine::ArchiveReader> {
  using type = cereal::PortableBinaryOutputArchive;
};
