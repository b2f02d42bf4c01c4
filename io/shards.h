// A job that is cut into shards: several runs that know nothing of each other (an array job) make a
// part of the output each, and leave it in a journal of their own beside the output. One more run
// takes all of these over and goes on as if they were its own.
#pragma once

#include <optional>
#include <vector>

#include "io/journal.h"
#include "io/shard.h"

namespace rankine::io {

// Where a shard of the output works: its journal is ".<name>.shard-3-of-8.rankine" beside it. It
// has no part file (the name of one is there, so that nothing else takes it). Throws Error (usage)
// if the name of the output is too long for that.
OutputPaths shard_paths(const OutputPaths& output, const Shard& shard);

struct FoundShard {
  Shard shard;
  OutputPaths paths;
};
// Those of this user that left a journal or are at work, by count and number. Throws Error (input)
// if the folder of the output cannot be listed.
std::vector<FoundShard> find_shards(const OutputPaths& output);

// Whether a journal is of a run that began to take over shards.
bool took_over_shards(const JobHeader& job);

// What all shards of the output have in common, of the first of them; or of the journal of a run
// that began to take them over. Nothing if there are none. Throws Error (input): shards of
// different cuts, one is missing, unfinished or damaged. Changes nothing.
std::optional<JobHeader> finished_shards(const OutputPaths& output);

// Makes their logs those of the output's own journal, which the caller has claimed and whose header
// will be `header`; their journals are gone then. If it ends early, a later call does the rest.
// Throws Error (usage) if one of them is of another job or at work again, (task failed) if the
// system refuses.
void take_over_shards(const OutputPaths& output, const JobHeader& header);

// Finished shards of a job whose output is whole: nobody needs them. Throws Error (input).
void remove_shards(const OutputPaths& output, const JobHeader& header);

}  // namespace rankine::io
