#include "cli/program.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <new>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "refresh/refresh.h"

namespace tessera {
namespace {

enum ExitCode { kDone = 0, kFailed = 1, kUsage = 2, kKept = 3 };

constexpr const char* kCannotPrint = "cannot write to standard output: is its disk full?";

int complain(const CLI::App& app, const std::string& message, ExitCode code) {
  std::string name = app.get_name();
  for (const CLI::App* command : app.get_subcommands()) name += ' ' + command->get_name();
  fmt::print(stderr, "{}: {}\n", name, message_line(message));
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
  const std::string near = nearest_word(unknown[0], known);
  return fmt::format("unknown word '{}'{}", unknown[0],
                     near.empty() ? "; see --help" : "; did you mean '" + near + "'?");
}

}  // namespace

int run_program(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return complain(app, explain(app, error), kUsage);
    app.exit(error);  // prints what --help or --version asks for
  } catch (const UsageError& error) {
    return complain(app, error.what(), kUsage);
  } catch (const GateRefused& refusal) {
    return complain(app, refusal.what(), kKept);
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

}  // namespace tessera
