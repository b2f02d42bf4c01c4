// Whether a plan fits the memory of a rank, and what is done so that it does: it spills, or admits
// tasks one by one, or is refused with advice. Nothing here changes what is computed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/session/physical_plan.h"

namespace rankine::session {

// "1536 bytes (1.5 KiB)"
std::string size_text(std::int64_t bytes);

// Finds what a rank holds at most (plan/footprint.h) after the placement was made or changed.
void bound(PhysicalPlan& plan, const Machine& machine);
bool fits(const PhysicalPlan& plan, const Machine& machine);
// Throws Error (refused) if it does not fit, naming layer, bytes and remedy.
void require_fit(const PhysicalPlan& plan, const Machine& machine);

// If all at once do not fit: what one task at a time takes, and all that is allowed as the budget
// for more, if that fits.
void admit(PhysicalPlan& plan, const Machine& machine);
// Spills layers, the one that holds most first, until the plan fits; or all of them.
void spill(PhysicalPlan& plan, const Machine& machine, bool all);
// Balance is worth some memory, but this plan is not refused or changed for it (another one beside
// it may be, and waits then); where tasks are admitted one by one all memory has its use already.
void let_tasks_move(PhysicalPlan& plan, const Machine& machine);
// How much longer tasks take together than if all threads always had one.
double slowness(const PhysicalPlan& plan, const Machine& machine);

// Of a plan that was made with machine `before`: its bound if planning anew with machine `now`
// makes the same one; nothing if it may not. The machines differ at most in what there is room for.
std::optional<std::int64_t> bound_again(const PhysicalPlan& plan, const Machine& before,
                                        const Machine& now);

}  // namespace rankine::session
