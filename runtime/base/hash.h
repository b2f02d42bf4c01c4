// Structural hashes: XXH3, equal on every rank and in every run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace rankine {

std::uint64_t hash_bytes(std::span<const std::byte> bytes, std::uint64_t seed = 0);
std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0);

}  // namespace rankine
