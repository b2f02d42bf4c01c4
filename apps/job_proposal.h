// Sizes for a job: by the plan of its command, else by the sizes of its inputs.
#pragma once

#include "apps/job_command.h"
#include "apps/job_script.h"

namespace rankine::apps {

struct JobProposal {
  JobSizes sizes;
  JobLimits limits;
};

// Looks into the inputs, and reads no element. Throws Error as the command itself would: (input),
// (usage) if its output may not be written, (refused) if its plan does not fit.
JobProposal propose_job(JobCommand& command, const JobWish& wish);

}  // namespace rankine::apps
