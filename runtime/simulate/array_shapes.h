// Shapes of arrays (shapes.h). Every step is kept as chunks, and what is asked for is written where
// it is made, so nothing is drawn to rank 0.
#pragma once

#include "runtime/simulate/shapes.h"

namespace rankine::simulate {

std::shared_ptr<graph::Graph> stencil_shape(const ShapeOptions& options);
std::shared_ptr<graph::Graph> mean_shape(const ShapeOptions& options);
std::shared_ptr<graph::Graph> anomaly_shape(const ShapeOptions& options);
std::shared_ptr<graph::Graph> broadcast_shape(const ShapeOptions& options);
std::shared_ptr<graph::Graph> rechunk_shape(const ShapeOptions& options);
std::shared_ptr<graph::Graph> random_arrays_shape(const ShapeOptions& options);

}  // namespace rankine::simulate
