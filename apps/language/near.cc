#include "apps/language/near.h"

#include <algorithm>

#include "runtime/base/edit_distance.h"

namespace rankine::language {
namespace {

std::string plain(const std::string& name) {
  std::string result = name.substr(name.rfind('/') + 1);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

}  // namespace

std::string listed(const std::vector<std::string>& names, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) {
    if (i > 0) text += ", ";
    text += names[i];
  }
  if (names.size() > most) text += ", ... (" + std::to_string(names.size()) + " in all)";
  return text;
}

std::vector<std::string> near_names(const std::string& wanted,
                                    const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 3;
  const std::string goal = plain(wanted);
  // Two neighbours that changed places are two changes.
  const std::size_t limit = std::max<std::size_t>(goal.size() < 4 ? 1 : 2, goal.size() / 3);
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const std::string& name : names) {
    const std::size_t distance = edit_distance(goal, plain(name), limit);
    if (distance <= limit) near.emplace_back(distance, name);
  }
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> result;
  for (std::size_t i = 0; i < std::min(kMost, near.size()); ++i) result.push_back(near[i].second);
  return result;
}

}  // namespace rankine::language
