#include "runtime/graph/read_boxes.h"

#include <gtest/gtest.h>

namespace rankine::graph {
namespace {

// Ten tasks' worth of indices, read from data sets of twenty elements.
class ReadBoxes : public ::testing::Test {
 protected:
  ReadBoxes() {
    graph_.datasets.resize(2);
    for (io::Dataset& dataset : graph_.datasets) dataset.shape = {20};
  }

  // A layer that reads data set 0.
  void read(Term term, Box domain, std::int32_t call = -1) {
    Map map;
    map.grid = ChunkGrid::regular({10}, {5});
    Leaf leaf;
    leaf.source = FileData{0};
    leaf.terms.push_back(term);
    leaf.domain = std::move(domain);
    leaf.call = call;
    map.leaves.push_back(leaf);
    graph_.layers.push_back({"read", "", map});
  }
  Box box() const { return read_boxes(graph_).at(0).value(); }

  Graph graph_;
};

TEST_F(ReadBoxes, FollowTermsBothWays) {
  read({0, 1, 3}, {{0}, {10}});
  EXPECT_EQ(box(), (Box{{3}, {13}}));
  graph_.layers.clear();
  read({0, -2, 18}, {{0}, {10}});
  EXPECT_EQ(box(), (Box{{0}, {19}}));
  graph_.layers.clear();
  read({-1, 0, 4}, {{0}, {10}});
  EXPECT_EQ(box(), (Box{{4}, {5}}));
}

TEST_F(ReadBoxes, EndWhereTasksAndDomainsDo) {
  read({0, 1, 0}, {{2}, {100}});
  EXPECT_EQ(box(), (Box{{2}, {10}}));
  graph_.layers.clear();
  read({0, 1, 5}, {{7}, {7}});
  EXPECT_TRUE(box().empty());
}

TEST_F(ReadBoxes, ReachOverTheEdgeOfTheGridWhereACallHasAHalo) {
  read({0, 1, 0}, {{-2}, {12}}, 0);
  EXPECT_EQ(box(), (Box{{0}, {12}}));
}

TEST_F(ReadBoxes, HoldAllThatLayersReadAndNothingOfOtherDataSets) {
  read({0, 1, 0}, {{0}, {2}});
  read({0, 1, 8}, {{0}, {10}});
  EXPECT_EQ(box(), (Box{{0}, {18}}));
  EXPECT_FALSE(read_boxes(graph_).at(1).has_value());
}

}  // namespace
}  // namespace rankine::graph
