// refresh and rollback: a model that is kept fresh.
#include <CLI/CLI.hpp>
#include <memory>

#include "base/progress.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/print.h"
#include "cli/step_bar.h"
#include "refresh/refresh.h"

namespace tessera {
namespace {

struct RefreshArguments {
  std::string settings;
  bool json = false;
};

void print_line(const RefreshSettings& settings, const nlohmann::json& line, bool json) {
  if (json) return print_json(line);
  const nlohmann::json gate = line.value("gate", nlohmann::json());
  if (!gate.is_null()) {
    fmt::print("{}: {:.4f} where the earlier model has {:.4f} ({} users)\n",
               gate.at("metric").get<std::string>(), gate.at("next").get<double>(),
               gate.at("current").get<double>(), gate.at("users").get<std::size_t>());
  }
  fmt::print("{}: {} is in place\n", (settings.models / "current").string(),
             line.at("bundle").get<std::string>());
}

void refresh_command(const RefreshArguments& arguments) {
  const RefreshSettings settings = read_refresh_settings(arguments.settings);
  const InterruptGuard guard;
  StepBar bar;
  RefreshListener listener;
  listener.interrupted = InterruptGuard::interrupted;
  listener.exporting = shown_progress("exporting", "users");
  listener.reading = shown_progress("reading");
  listener.factorising = shown_progress("factorising");
  listener.embedding = shown_progress("embedding", "texts");
  listener.ranking = shown_progress("ranking");
  listener.on_step = [&](const StepReport& report) { bar.show(report); };
  if (!arguments.json) {
    listener.say = [](const std::string& line) { fmt::print("{}\n", printable(line)); };
  }
  print_line(settings, refresh(settings, listener), arguments.json);
}

CLI::App* add_command(CLI::App& app, const char* name, const char* help,
                      const std::shared_ptr<RefreshArguments>& arguments) {
  CLI::App* command = app.add_subcommand(name, help);
  command->add_option("settings", arguments->settings, "The file of settings, JSON")->required();
  command->add_flag("--json", arguments->json, "Print the result for programs");
  return command;
}

}  // namespace

void add_refresh(CLI::App& app) {
  auto arguments = std::make_shared<RefreshArguments>();
  CLI::App* command = add_command(
      app, "refresh", "Train on the newest events, and put the model in place", arguments);
  command->footer(refresh_settings_help() +
                  "Exit status 3: the current model is better and stays. Guide: docs/living.md.\n"
                  "Examples:\n  tessera refresh refresh.json\n"
                  "  tessera serve --model models/current --state state");
  command->callback([arguments] { refresh_command(*arguments); });
}

void add_rollback(CLI::App& app) {
  auto arguments = std::make_shared<RefreshArguments>();
  CLI::App* command = add_command(app, "rollback",
                                  "Put the bundle before the current one back in place", arguments);
  command->footer("Example:\n  tessera rollback refresh.json");
  command->callback([arguments] {
    const RefreshSettings settings = read_refresh_settings(arguments->settings);
    print_line(settings, rollback(settings), arguments->json);
  });
}

}  // namespace tessera
