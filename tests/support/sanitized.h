// What tests do less of under sanitizers, where all takes ten times as long; the release build of
// the same sources does the whole.
#pragma once

namespace rankine::testing {

#ifdef RANKINE_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// How often a test goes over random cases: fewer seeds a run, others in every run.
constexpr int repeats(int count) { return kSanitized ? (count + 3) / 4 : count; }

}  // namespace rankine::testing
