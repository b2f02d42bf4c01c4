// Which nodes of an expression must exist as chunks, and in which order they can be made.
#pragma once

#include <unordered_map>
#include <vector>

#include "runtime/optimize/lower.h"

namespace rankine::optimize {

struct Point {
  expr::NodePtr node;        // the node that exists after this point
  expr::NodePtr value;       // what its tasks compute: the operand of a reduction, else the node
  int depth = 0;             // longest chain of points below it
  std::int32_t target = -1;  // index of the target, or -1 for an inner point
  ChunkGrid grid;            // one task per chunk
  std::optional<ChunkGrid> steps;
  std::vector<const expr::Node*> sources;  // data sets and points its tasks read, sorted
};

class Points {
 public:
  Points(const NumericPlan& plan, const LowerOptions& options);

  bool is_point(const expr::Node& node) const { return inner_.contains(&node); }
  // By depth; targets come after the inner points of their depth.
  const std::vector<Point>& all() const { return points_; }
  // The nodes whose values the tasks of a point compute or read from files.
  std::vector<const expr::Node*> computed_by(const Point& point) const;

 private:
  void choose(const std::vector<expr::NodePtr>& order, const NumericPlan& plan,
              const LowerOptions& options);
  void choose_calls(const std::vector<expr::NodePtr>& order, const NumericPlan& plan);
  Point make_point(const expr::NodePtr& node, bool is_target, const ChunkGrid& grid);
  void collect(const expr::NodePtr& value, const expr::Node* self, Point& point) const;

  std::vector<const expr::Node*> reach(const expr::Node* value, const expr::Node* self) const;

  std::unordered_map<const expr::Node*, int> inner_;  // inner points and their depth
  std::vector<Point> points_;
};

// How many times the chunks of `produced` are read if every chunk of `wanted` reads what it needs,
// over the number of chunks: 1 if the cuts nest.
double reread_factor(const ChunkGrid& wanted, const ChunkGrid& produced);

}  // namespace rankine::optimize
