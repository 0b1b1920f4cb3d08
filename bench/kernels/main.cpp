// Every kernel beside the plain loop that it replaces. Options are Google Benchmark's:
//   build/bench_kernels --benchmark_filter='layer_norm|adam' --benchmark_repetitions=5
#include "base/parallel.h"
#include "compare.h"

int main(int arguments, char** argument) {
  using namespace tessera;
  benchmark::Initialize(&arguments, argument);
  if (benchmark::ReportUnrecognizedArguments(arguments, argument)) return 2;
  set_threads(1);
  bench::Operands operands;
  bench::add_products(operands);
  bench::add_rows(operands);
  bench::add_elementwise(operands);
  bench::add_sequences(operands);
  bench::add_search(operands);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
