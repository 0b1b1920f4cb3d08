#pragma once
#include "eval/report.h"

namespace tessera {

/// The report of `evaluate` for people: metrics of every system, the model's on cold and warm
/// targets below it; intervals by slice; differences; beyond accuracy.
void print_tables(const EvaluationReport& report);

}  // namespace tessera
