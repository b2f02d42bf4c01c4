// Takes numbers and strings from the front of a fuzzer's bytes; zeros where they end.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

namespace rankine::fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  template <class Number>
  requires std::is_integral_v<Number> Number number() {
    Number value = 0;
    const std::span<const std::uint8_t> bytes = take(sizeof value);
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  std::size_t below(std::size_t end) { return number<std::uint8_t>() % end; }

  std::vector<std::byte> bytes(std::size_t count) { return copy(take(count)); }
  std::vector<std::byte> rest() { return bytes(rest_.size()); }
  bool empty() const { return rest_.empty(); }

 private:
  std::span<const std::uint8_t> take(std::size_t count) {
    const auto taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  static std::vector<std::byte> copy(std::span<const std::uint8_t> bytes) {
    const auto all = std::as_bytes(bytes);
    return {all.begin(), all.end()};
  }

  std::span<const std::uint8_t> rest_;
};

// Changes some bytes, as the input says.
inline void damage(Input& input, std::vector<std::byte>& bytes) {
  for (std::size_t left = input.below(8); left > 0 && !bytes.empty(); --left) {
    const std::size_t at = input.number<std::uint16_t>() % bytes.size();
    bytes[at] ^= static_cast<std::byte>(input.number<std::uint8_t>());
  }
  if (input.below(4) == 3) bytes.resize(input.number<std::uint16_t>() % (bytes.size() + 1));
}

}  // namespace rankine::fuzz
