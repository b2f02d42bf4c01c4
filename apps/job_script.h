// The text of a job for Slurm: sizes and a command in, a bash script out. No file, process or clock
// here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rankine::apps {

// What a user asks of Slurm; what is empty is proposed.
struct JobWish {
  std::optional<std::int64_t> nodes, ranks_per_node, cores_per_rank;
  std::string memory;  // of a node, as Slurm takes it: "0", "4000", "16G"
  std::string time;    // as Slurm takes it: "30", "1:30:00", "2-12"
  std::string partition, account;
  std::vector<std::string> others;  // more options of sbatch, as they are
  std::string mpi;                  // of srun
};

// What is known of the work.
struct JobWork {
  std::int64_t side_by_side = 1;  // tasks; more ranks have nothing to do
  std::int64_t least_ranks = 1;
  double core_seconds = 0;  // 0: nobody knows
  std::string known_from;   // "from the plan", "from the sizes of the inputs": for comments
  std::string assumption;   // by which core_seconds was found, in words
};

// One proposal or wish, and why: a comment in the script.
struct JobSizes {
  std::int64_t nodes = 1, ranks_per_node = 1, cores_per_rank = 1;
  std::string ranks_why, cores_why;
  std::int64_t ranks() const { return nodes * ranks_per_node; }
};

// Nodes, ranks and cores: so many ranks that the work takes some minutes, never more than have
// something to do. A wish is followed.
JobSizes job_sizes(const JobWish& wish, const JobWork& work);

// Throws Error (usage) if so many ranks cannot be planned for, or `others` are none or say again
// what has a wish of its own.
void check_wish(const JobWish& wish);

// Memory and time, once it is known what a rank needs.
struct JobLimits {
  std::string memory, memory_why;
  std::string time, time_why;
};
// need_why: what needs it: "the plan needs at most 2.4 GiB".
JobLimits job_limits(const JobWish& wish, const JobWork& work, const JobSizes& sizes,
                     std::int64_t rank_bytes, const std::string& need_why);

// What a rank may hold of a node's memory as Slurm is asked for it: what is left beside MPI and the
// like. Nothing if all of the node is asked for. Throws Error (usage) for what is no size.
std::optional<std::int64_t> rank_memory(const std::string& memory, std::int64_t ranks_per_node);

// Seconds of a time limit as sbatch takes it; nothing for "UNLIMITED". Throws Error (usage).
std::optional<std::int64_t> time_limit_seconds(const std::string& time);

// A word as bash reads it back, byte for byte; on one line whatever is in it.
std::string bash_word(const std::string& word);
// The same for a line that sbatch reads. Throws Error (usage) for what cannot stand there.
std::string sbatch_word(const std::string& word);

struct Job {
  std::vector<std::string> command;  // program, verb, arguments
  bool resumes = false;              // takes --resume: can be stopped and put back
  JobWish wish;
  JobSizes sizes;
  JobLimits limits;
};
std::string job_script(const Job& job);

}  // namespace rankine::apps
