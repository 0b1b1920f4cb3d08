#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/parallel.h"
#include "cli/commands.h"
#include "cli/launched_ranks.h"

namespace {

enum ExitCode { kDone = 0, kFailed = 1, kUsage = 2 };

constexpr const char* kCannotPrint = "cannot write to standard output: is its disk full?";

int complain(const CLI::App& app, const std::string& message, ExitCode code) {
  std::string name = "tessera";
  for (const CLI::App* command : app.get_subcommands()) name += ' ' + command->get_name();
  fmt::print(stderr, "{}: {}\n", name, tessera::message_line(message));
  return code;
}

// What CLI11 says, but for an unknown word: it would name what is missing, not what is wrong.
std::string explain(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> unknown = app.remaining(true);
  if (unknown.empty()) return fmt::format("{}; see --help", error.what());
  std::vector<std::string> known;
  const auto commands = app.get_subcommands();
  if (commands.empty()) {
    for (const CLI::App* command : app.get_subcommands({})) known.push_back(command->get_name());
  } else {
    for (const CLI::Option* option : commands[0]->get_options()) {
      known.push_back(option->get_name());
    }
  }
  const std::string near = tessera::nearest_word(unknown[0], known);
  return fmt::format("unknown word '{}'{}", unknown[0],
                     near.empty() ? "; see --help" : "; did you mean '" + near + "'?");
}

int run(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return complain(app, explain(app, error), kUsage);
    app.exit(error);  // prints what --help or --version asks for
  } catch (const tessera::UsageError& error) {
    return complain(app, error.what(), kUsage);
  } catch (const std::bad_alloc&) {
    return complain(app, "out of memory: try a smaller batch or fewer items", kFailed);
  } catch (const std::exception& error) {
    if (std::ferror(stdout) != 0) return complain(app, kCannotPrint, kFailed);
    return complain(app, error.what(), kFailed);
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    return complain(app, kCannotPrint, kFailed);
  }
  return kDone;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Tessera: recommendations from interaction logs and item text, by unified semantic and ID "
      "tokens.",
      "tessera");
  app.set_version_flag("--version", "tessera " TESSERA_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  int threads = 0;
  app.add_option("--threads", threads, "Threads to use (default: every CPU allowed)")
      ->check(CLI::Range(0, 1024));
  // Before any command runs: options are parsed by then, also those behind the subcommand.
  app.parse_complete_callback(
      [&] { tessera::set_threads(threads > 0 ? threads : tessera::launched_threads()); });
  tessera::add_simulate(app);
  tessera::add_prepare(app);
  tessera::add_embed(app);
  tessera::add_train(app);
  tessera::add_evaluate(app);
  tessera::add_recommend(app);
  tessera::add_tokens(app);
  tessera::add_export(app);
  tessera::add_index(app);
  tessera::add_bench(app);
  tessera::add_reproduce(app);
  tessera::add_serve(app);
  tessera::add_backup(app);
  tessera::add_restore(app);
  app.footer(
      "A first tour:\n"
      "  tessera simulate  --out shop\n"
      "  tessera embed     --data shop\n"
      "  tessera train     --data shop --out shop-model\n"
      "  tessera evaluate  --model shop-model --data shop --baselines\n"
      "  tessera recommend --model shop-model --user U000001\n"
      "\nExit status: 0 done, 1 failed, 2 wrong usage.");
  return run(app, argc, argv);
}
