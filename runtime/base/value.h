// Values of user types as bytes, and back: Cereal's binary format, without a header. Used for what
// tasks pass to each other; all ranks run one program on machines of one byte order.
#pragma once

#include <cereal/archives/binary.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/complex.hpp>
#include <cereal/types/deque.hpp>
#include <cereal/types/list.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/memory.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/set.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/unordered_map.hpp>
#include <cereal/types/unordered_set.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>
#include <cstddef>
#include <cstring>
#include <istream>
#include <ostream>
#include <span>
#include <streambuf>
#include <type_traits>
#include <vector>

#include "runtime/base/error.h"

namespace rankine {

template <class T>
inline constexpr bool is_plain_value = std::is_arithmetic_v<T> || std::is_enum_v<T>;

// Whether Cereal can write and read a T: it has `template <class A> void serialize(A&)`, save and
// load, or is of the standard library.
template <class T>
inline constexpr bool is_value =
    is_plain_value<T> ||
    (!std::is_pointer_v<T> &&
     cereal::traits::is_output_serializable<T, cereal::BinaryOutputArchive>::value &&
     cereal::traits::is_input_serializable<T, cereal::BinaryInputArchive>::value);

namespace value_detail {

// Appends to a vector of bytes.
class Appender : public std::streambuf {
 public:
  explicit Appender(std::vector<std::byte>& bytes) : bytes_(bytes) {}

 protected:
  std::streamsize xsputn(const char* data, std::streamsize count) override {
    const auto* first = reinterpret_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), first, first + count);
    return count;
  }
  int_type overflow(int_type c) override {
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    bytes_.push_back(static_cast<std::byte>(traits_type::to_char_type(c)));
    return c;
  }

 private:
  std::vector<std::byte>& bytes_;
};

// Reads bytes where they lie.
class View : public std::streambuf {
 public:
  explicit View(std::span<const std::byte> bytes) {
    char* first = const_cast<char*>(reinterpret_cast<const char*>(bytes.data()));
    setg(first, first, first + bytes.size());
  }
  std::size_t left() const { return static_cast<std::size_t>(egptr() - gptr()); }

 protected:
  std::streamsize xsgetn(char* data, std::streamsize count) override {
    const auto take = std::min<std::streamsize>(count, egptr() - gptr());
    if (take > 0) std::memcpy(data, gptr(), static_cast<std::size_t>(take));
    setg(eback(), gptr() + take, egptr());
    return take;
  }
};

}  // namespace value_detail

// Appends the value to `bytes`.
template <class T>
void write_value(std::vector<std::byte>& bytes, const T& value) {
  if constexpr (is_plain_value<T>) {
    const auto* first = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), first, first + sizeof value);
  } else {
    value_detail::Appender appender(bytes);
    std::ostream stream(&appender);
    cereal::BinaryOutputArchive archive(stream);
    archive(value);
  }
}

// The value that write_value made these bytes from, all of them. Throws Error (task failed) if they
// are too few or too many, and what T's own functions throw.
template <class T>
T read_value(std::span<const std::byte> bytes) {
  static_assert(std::is_default_constructible_v<T>,
                "a value that tasks pass to each other must be default-constructible");
  const auto wrong = [&](const char* what) {
    return Error(ExitCode::kTaskFailed, std::string("a value cannot be read back: ") + what, {},
                 "make load() take exactly what save() writes");
  };
  if constexpr (is_plain_value<T>) {
    if (bytes.size() != sizeof(T)) throw wrong("it has another length");
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  } else {
    value_detail::View view(bytes);
    std::istream stream(&view);
    T value;
    try {
      cereal::BinaryInputArchive archive(stream);
      archive(value);
    } catch (const cereal::Exception& problem) {
      throw wrong(problem.what());
    }
    if (view.left() != 0) throw wrong("bytes are left over");
    return value;
  }
}

}  // namespace rankine
