// What a user includes: #include <rankine/rankine.h>, namespace rankine. Start with run() in
// runtime/session/run.h, then Session (session.h), Array (runtime/api/array.h), open (open.h).
#pragma once

#include "runtime/api/array.h"
#include "runtime/api/delayed.h"
#include "runtime/api/map_blocks.h"
#include "runtime/api/open.h"
#include "runtime/api/reduction.h"
#include "runtime/api/task_grid.h"
#include "runtime/base/error.h"
#include "runtime/session/run.h"
#include "runtime/session/session.h"
