// How long one call of Model::recommend takes, history after history, in one thread: what
// bench/python_overhead holds Python's call against.
//   bench_recommend_calls BUNDLE HISTORIES ROUNDS    HISTORIES: item ids with blanks between, a
//   line each
// Prints the microseconds of every call, a line each; the first round is not counted.
#include <fmt/format.h>

#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "base/progress.h"
#include "formats/fields.h"
#include "tessera/model.h"

int main(int argc, char** argv) {
  using namespace tessera;  // NOLINT: a program of one function
  if (argc != 4) {
    fmt::print(stderr, "usage: bench_recommend_calls BUNDLE HISTORIES ROUNDS\n");
    return 2;
  }
  try {
    const Model model(argv[1]);
    std::vector<std::vector<std::int32_t>> histories;
    std::vector<std::string_view> ids;
    for_each_line(read_file(argv[2]), [&](std::string_view line, std::size_t) {
      split_fields(line, ids);
      histories.emplace_back();
      for (const std::string_view id : ids) histories.back().push_back(model.number(id).value());
    });
    const int rounds = std::atoi(argv[3]);
    for (int round = 0; round <= rounds; ++round) {
      for (const std::vector<std::int32_t>& history : histories) {
        const Stopwatch watch;
        const auto best = model.recommend(history, {.k = 10});
        const double seconds = watch.seconds();
        if (best.empty()) fail("nothing was recommended");
        if (round > 0) fmt::print("{:.3f}\n", 1e6 * seconds);
      }
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_recommend_calls: {}\n", error.what());
    return 1;
  }
}
