#pragma once
#include "eval/report.h"

namespace tessera {

/// The report of `evaluate` for people: metrics of every system, the model's on cold and warm
/// targets below it, and differences; `all`: intervals by slice and what is beyond accuracy too.
void print_tables(const EvaluationReport& report, bool all);

}  // namespace tessera
