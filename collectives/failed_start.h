// A rank that ends before it has met the others.
#pragma once

namespace rankine::collectives {

// To be called last. Ends the job with this code if the launcher would not: Hydra lets the other
// ranks wait in MPI_Init for one that returned, whatever it returned.
void leave_before_start(int code);

}  // namespace rankine::collectives
