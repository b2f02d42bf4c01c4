#include "io/h5/write_texts.h"

#include <algorithm>

#include "io/h5/write_attribute.h"

namespace rankine::io {
namespace {

constexpr ExitCode kCode = ExitCode::kTaskFailed;

bool is_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

}  // namespace

H5Type element_type(const OutputVariable& variable, const std::string& where) {
  if (!variable.texts) {
    return H5Type(H5Tcopy(stored_type(variable.dtype)), "make a type", where, kCode);
  }
  H5Type type(H5Tcopy(H5T_C_S1), "make a string type", where, kCode);
  if (variable.characters) return type;
  const auto& texts = variable.texts->values;
  const bool ascii = std::all_of(texts.begin(), texts.end(), is_ascii);
  h5_check(H5Tset_size(type, H5T_VARIABLE), "make a string type", where, kCode);
  h5_check(H5Tset_cset(type, ascii ? H5T_CSET_ASCII : H5T_CSET_UTF8), "make a string type", where,
           kCode);
  return type;
}

void write_texts(hid_t data_set, const OutputVariable& variable, const std::string& where) {
  if (variable.texts->values.empty()) return;
  std::vector<char> characters;
  std::vector<const char*> pointers;
  for (const std::string& text : variable.texts->values) {
    characters.push_back(text.empty() ? '\0' : text[0]);
    pointers.push_back(text.c_str());
  }
  const void* data = variable.characters ? static_cast<const void*>(characters.data())
                                         : static_cast<const void*>(pointers.data());
  const H5Type type = element_type(variable, where);
  h5_check(H5Dwrite(data_set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), "write texts", where,
           kCode);
}

}  // namespace rankine::io
