#include "io/codec/codec.h"

#include <blosc.h>
#define ZSTD_STATIC_LINKING_ONLY  // for estimates of memory
#include <zstd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "io/codec/table.h"

namespace rankine::io {
namespace {

using Kind = Codec::Kind;

constexpr std::uint8_t kBitshuffleLz4 = 2;
constexpr std::uint8_t kBitshuffleZstd = 3;

// Every form without its level. `name` is complete only with `inner`.
struct Form {
  std::string_view name;
  Kind kind;
  std::uint8_t inner;
  std::uint8_t most;   // the highest level; 0: has none
  std::uint8_t usual;  // the level that is taken if none is given
};
constexpr Form kForms[] = {{"none", Kind::kNone, 0, 0, 0},
                           {"deflate", Kind::kDeflate, 0, 9, 4},
                           {"zstd", Kind::kZstd, 0, 22, 3},
                           {"lz4", Kind::kLz4, 0, 0, 0},
                           {"blosc-lz4", Kind::kBlosc, BLOSC_LZ4, 9, 5},
                           {"blosc-lz4hc", Kind::kBlosc, BLOSC_LZ4HC, 9, 5},
                           {"blosc-blosclz", Kind::kBlosc, BLOSC_BLOSCLZ, 9, 5},
                           {"blosc-snappy", Kind::kBlosc, BLOSC_SNAPPY, 9, 5},
                           {"blosc-zlib", Kind::kBlosc, BLOSC_ZLIB, 9, 5},
                           {"blosc-zstd", Kind::kBlosc, BLOSC_ZSTD, 9, 5},
                           {"bitshuffle", Kind::kBitshuffle, 0, 0, 0},
                           {"bitshuffle-lz4", Kind::kBitshuffle, kBitshuffleLz4, 0, 0},
                           {"bitshuffle-zstd", Kind::kBitshuffle, kBitshuffleZstd, 22, 3}};

const Form* form_of(const Codec& codec) {
  const auto found = std::ranges::find_if(kForms, [&](const Form& form) {
    return form.kind == codec.kind && form.inner == codec.inner;
  });
  return found == std::end(kForms) ? nullptr : &*found;
}

[[noreturn]] void refuse(const std::string& text) {
  throw usage_error("there is no codec " + text,
                    "none, deflate-1 to -9, zstd-1 to -22, lz4, blosc[-lz4|-lz4hc|-blosclz|-snappy|"
                    "-zlib|-zstd][-1 to -9], bitshuffle[-lz4|-zstd]");
}

std::uint32_t number(std::size_t value) { return static_cast<std::uint32_t>(value); }

FilterStep codec_step(const Codec& codec, bool shuffled, std::uint32_t element_size,
                      std::uint32_t chunk_bytes) {
  constexpr std::uint32_t kBloscFilter = 2;  // version
  switch (codec.kind) {
    case Kind::kDeflate: return {kDeflate, 1, {codec.level}};
    case Kind::kZstd: return {kZstd, 1, {codec.level}};
    case Kind::kLz4: return {kLz4, 1, {0}};
    case Kind::kBlosc:
      return {kBlosc,
              7,
              {kBloscFilter, BLOSC_VERSION_FORMAT, element_size, chunk_bytes, codec.level,
               shuffled ? 1u : 0u, codec.inner}};
    case Kind::kBitshuffle:
      return {kBitshuffle,
              codec.inner == kBitshuffleZstd ? 6u : 5u,
              {0, 4, element_size, 0, codec.inner, codec.level}};
    case Kind::kNone: break;
  }
  return {};
}

}  // namespace

Codec parse_codec(const std::string& text) {
  std::string name = text == "blosc" ? "blosc-lz4" : text;
  const auto find = [&] { return std::ranges::find(kForms, name, &Form::name); };
  if (const auto found = find(); found != std::end(kForms)) {
    return {found->kind, found->usual, found->inner};
  }
  const auto dash = name.rfind('-');
  if (dash == std::string::npos) refuse(text);
  const std::string digits = name.substr(dash + 1);
  name.resize(dash);
  if (name == "blosc") name = "blosc-lz4";
  const auto found = find();
  int level = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), level);
  if (found == std::end(kForms) || failure != std::errc() || end != digits.data() + digits.size() ||
      level < 1 || level > found->most) {
    refuse(text);
  }
  return {found->kind, static_cast<std::uint8_t>(level), found->inner};
}

std::vector<std::string> codec_names() {
  std::vector<std::string> names{"blosc"};
  for (const Form& form : kForms) names.emplace_back(form.name);
  return names;
}

Codec codec_of(std::uint32_t filter, Parameters parameters) {
  const auto at = [&](std::size_t i, std::uint32_t usual) {
    return static_cast<std::uint8_t>(i < parameters.size() ? parameters[i] : usual);
  };
  switch (filter) {
    case kDeflate: return {Kind::kDeflate, at(0, 4), 0};
    case kZstd: return {Kind::kZstd, std::max<std::uint8_t>(at(0, 3), 1), 0};
    case kLz4: return {Kind::kLz4, 0, 0};
    case kBlosc: return {Kind::kBlosc, std::max<std::uint8_t>(at(4, 5), 1), at(6, BLOSC_BLOSCLZ)};
    case kBitshuffle: {
      const std::uint8_t inner = at(4, 0);
      const bool zstd = inner == kBitshuffleZstd;
      return {Kind::kBitshuffle, zstd ? std::max<std::uint8_t>(at(5, 3), 1) : std::uint8_t{0},
              inner};
    }
    default: return {Kind::kNone, 0, 0};
  }
}

std::string to_string(const Codec& codec) {
  const Form* form = form_of(codec);
  std::string text = form == nullptr ? "unknown" : std::string(form->name);
  if (codec.level != 0) text += "-" + std::to_string(codec.level);
  return text;
}

void check(const Codec& codec) {
  const Form* form = form_of(codec);
  if (form == nullptr || codec.level > form->most || (codec.level == 0) != (form->most == 0)) {
    refuse(to_string(codec));
  }
  const char* name = nullptr;
  if (codec.kind == Kind::kBlosc && blosc_compcode_to_compname(codec.inner, &name) < 0) {
    throw usage_error("this blosc library was built without the codec " + to_string(codec));
  }
}

bool is_standard(const Codec& codec) {
  return codec.kind == Kind::kNone || codec.kind == Kind::kDeflate;
}

FilterSteps filter_steps(const Codec& codec, bool shuffled, bool fletcher32,
                         std::size_t element_size, std::size_t chunk_bytes) {
  FilterSteps steps;
  const auto add = [&](const FilterStep& step) { steps.steps[steps.count++] = step; };
  shuffled = shuffled && element_size > 1;
  const bool by_filter =
      codec.kind == Kind::kDeflate || codec.kind == Kind::kZstd || codec.kind == Kind::kLz4;
  if (shuffled && by_filter) add({kShuffle, 1, {number(element_size)}});
  if (codec.kind != Kind::kNone) {
    add(codec_step(codec, shuffled, number(element_size), number(chunk_bytes)));
  }
  if (fletcher32) add({kFletcher32, 0, {}});
  return steps;
}

std::size_t encoder_bytes(const Codec& codec, std::size_t chunk_bytes) {
  const auto zstd = [&](std::size_t bytes) {
    return ZSTD_estimateCCtxSize_usingCParams(ZSTD_getCParams(codec.level, bytes, 0));
  };
  switch (codec.kind) {
    case Kind::kZstd: return zstd(chunk_bytes);
    case Kind::kBlosc: return std::size_t{4} << 20;  // its blocks and contexts, for one call
    case Kind::kBitshuffle:
      return codec.inner == kBitshuffleZstd ? zstd(std::min<std::size_t>(chunk_bytes, 8192)) : 0;
    default: return 0;
  }
}

}  // namespace rankine::io
