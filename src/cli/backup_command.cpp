#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/error.h"
#include "cli/commands.h"
#include "store/store.h"

namespace tessera {

void add_backup(CLI::App& app) {
  auto state = std::make_shared<std::string>(), out = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("backup", "Back up the state of a service that is stopped");
  command->add_option("--state", *state, "State directory of tessera serve")->required();
  command->add_option("--out", *out, "Directory of the backups: the latest three are kept")
      ->required();
  command->footer("Example:\n  tessera backup --state shop-state --out shop-backup");
  command->callback([state, out] {
    ::umask(0077);
    if (!fs::is_directory(*state)) fail("{}: is no state directory", *state);
    open_store(*state)->backup(*out);
    fmt::print("{}: backed up to {}\n", *state, *out);
  });
}

void add_restore(CLI::App& app) {
  auto backup = std::make_shared<std::string>(), state = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("restore", "Make a state directory of the latest backup");
  command->add_option("--backup", *backup, "Directory that tessera backup wrote")->required();
  command->add_option("--state", *state, "The new state directory: not there yet, or empty")
      ->required();
  command->footer("Example:\n  tessera restore --backup shop-backup --state shop-state");
  command->callback([backup, state] {
    ::umask(0077);
    restore_backup(*backup, *state);
    fmt::print("{}: restored from {}\n", *state, *backup);
  });
}

}  // namespace tessera
