#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "base/error.h"
#include "cli/checks.h"
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

namespace {

void print_backups(const std::string& directory) {
  fmt::print("{:>6}  {:<23}  {:>14}  {}\n", "id", "time", "bytes", "state");
  for (const BackupInfo& backup : list_backups(directory)) {
    fmt::print("{:>6}  {:<23}  {:>14}  {}\n", backup.id, backup_time(backup), backup.bytes,
               backup.damage.empty() ? "whole" : "damaged: " + backup.damage);
  }
}

}  // namespace

void add_restore(CLI::App& app) {
  struct Arguments {
    std::string backup, state;
    std::optional<std::uint32_t> id;
    bool list = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("restore", "Make a state directory of a backup");
  command->add_option("--backup", arguments->backup, "Directory that tessera backup wrote")
      ->required();
  const CLI::Option* state = command->add_option(
      "--state", arguments->state, "The new state directory: not there yet, or empty");
  const CLI::Option* id = command->add_option(
      "--backup-id", arguments->id, "Which backup, as --list tells (default: the latest)");
  command->add_flag("--list", arguments->list, "Only tell which backups there are");
  command->footer(
      "Examples:\n  tessera restore --backup shop-backup --state shop-state\n"
      "  tessera restore --backup shop-backup --list\n"
      "  tessera restore --backup shop-backup --backup-id 5 --state shop-state");
  command->callback([arguments, state, id] {
    if (arguments->list) {
      check_belongs(state, false, "a restore, which --list is not");
      check_belongs(id, false, "a restore, which --list is not");
      print_backups(arguments->backup);
      return;
    }
    if (arguments->state.empty()) fail_usage("--state is missing: the new state directory");
    ::umask(0077);
    const BackupInfo done = restore_backup(arguments->backup, arguments->state, arguments->id);
    fmt::print("{}: restored from backup {} of {} in {}\n", arguments->state, done.id,
               backup_time(done), arguments->backup);
  });
}

}  // namespace tessera
