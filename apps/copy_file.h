// What the verbs that copy files have in common: which variables, from where, and how they are
// stored. rechunk, subset and concat are one thing with other options.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/cli.h"
#include "runtime/rankine.h"

namespace rankine::apps {

struct CopyOptions {
  std::vector<std::string> files;  // the last one is the output, unless -o names it
  std::string output;
  bool overwrite = false;
  std::vector<std::string> variables;   // none: all
  std::vector<std::string> hyperslabs;  // -d
  std::string dimension;                // along which several files are joined; "": the record one
  std::string chunks;                   // "time=100,lat=-1", or "100,10,-1"; "": as they are
  std::string codec;                    // "": as it is
  std::string shuffle;                  // on, off, or "": as it is
  bool fletcher32 = false;
  io::Libver libver = io::Libver::kV18;
  bool explain = false;
  bool plan_only = false;
};

// FILES, -o, -v, --overwrite, --codec, --shuffle, --fletcher32, --libver, --explain, --plan.
void add_copy_options(CLI::App& verb, const std::shared_ptr<CopyOptions>& options);

// Copies, in a session of its own. Returns the exit code.
int copy_files(Cli& cli, const CopyOptions& options);

}  // namespace rankine::apps
