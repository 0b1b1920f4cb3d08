#include <CLI/CLI.hpp>

#include "base/error.h"
#include "cli/commands.h"

namespace tessera {
namespace {

struct MovedCommand {
  const char* name;
  const char* where;  // the line that somebody who types the old name reads
};

constexpr MovedCommand kMoved[] = {
    {"bench",
     "measuring is a program of its own now: build it with 'cmake --build build --target "
     "tessera-bench' and give build/tessera-bench the same words (index or train, and options)"},
    {"reproduce",
     "studies run on the Python package now: 'pip install .[lab]' in a checkout, then there "
     "'python -m lab paper' with the same options; it goes on in the same --out folder"},
};

}  // namespace

void add_moved_commands(CLI::App& app) {
  for (const MovedCommand& moved : kMoved) {
    CLI::App* command = app.add_subcommand(moved.name)->group("");  // in no list
    command->set_help_flag();
    command->prefix_command()->fallthrough(false);  // whatever stands behind it
    command->callback([moved] { throw UsageError(moved.where); });
  }
}

}  // namespace tessera
