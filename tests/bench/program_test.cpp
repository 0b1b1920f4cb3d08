// The measuring program as a process: JSON that programs read, and refusals in one line.
#include <set>

#include "cli/shop.h"

namespace tessera::testing {
namespace {

Finished bench(const std::string& line) {
  Words words = tessera_command(line);
  words[0] = TESSERA_BENCH_PROGRAM;
  return Process(words).wait();
}

Json figures_of(const std::string& line) {
  const Finished finished = bench(line);
  EXPECT_EQ(finished.exit_code, 0) << line << "\n" << finished.err;
  return Json::parse(finished.out);
}

TEST(BenchProgram, ReportsFiguresOfSearchesThatProgramsCanRead) {
  const Json report = figures_of(
      "index --items 200,2000 -k 3 --queries 20 --rounds 2 --no-peers --json - --model " +
      shop().model);
  EXPECT_GT(report.at("gemm_peak_gflops").get<double>(), 0.0);
  EXPECT_TRUE(report.at("machine").at("cpu").is_string());
  std::set<std::string> names;
  for (const Json& result : report.at("results")) {
    names.insert(result.at("name").get<std::string>());
    EXPECT_LE(result.at("min").get<double>(), result.at("median").get<double>());
    EXPECT_LE(result.at("median").get<double>(), result.at("max").get<double>());
    EXPECT_TRUE(result.at("unit").is_string());
  }
  for (const char* name : {"200 items: memory", "2000 items: search by portable, k = 3, p99",
                           "2000 items: throughput of 1 threads, k = 3"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
  expect_refusal(bench("index --items 0 --model " + shop().model), 2, {"--items"});
  expect_refusal(bench(""), 2, {"subcommand"});
}

TEST(BenchProgram, ReportsFiguresOfTrainingThatProgramsCanRead) {
  const Json report = figures_of(
      "train --set codebook_size=16 --epochs 2 --threads 1 --json - --data " + shop().data);
  EXPECT_GT(report.at("gemm_peak_gflops").get<double>(), 0.0);
  std::set<std::string> names;
  for (const Json& result : report.at("results")) {
    names.insert(result.at("name").get<std::string>());
    EXPECT_LE(result.at("min").get<double>(), result.at("median").get<double>());
    EXPECT_LE(result.at("median").get<double>(), result.at("max").get<double>());
  }
  for (const char* name : {"1 thread: item encoder backward", "1 thread: validation"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
  expect_refusal(bench("train --epochs 0 --data " + shop().data), 2, {"--epochs"});
  expect_refusal(bench("train --data /nowhere"), 1, {"/nowhere"});
}

}  // namespace
}  // namespace tessera::testing
