// export: what a bundle or the state of a service holds, for other programs.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/folders.h"
#include "base/npy.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "formats/times.h"
#include "store/export.h"
#include "tessera/model.h"

namespace tessera {
namespace {

struct ExportArguments {
  std::string model, state, backup, what, since, out;
  std::optional<std::uint32_t> backup_id;
  std::string kind = "semantic";
  bool all = false, resume = false;
};

// A file that is written over must be an earlier export; a dataset's arrays look alike.
void check_vectors_file(const fs::path& out) {
  const bool beside_data = holds(fs::absolute(out).parent_path(), Folder::dataset);
  check_output(out, "an exported .npy array", [&](std::string_view content) {
    const std::string_view header = content.substr(0, 128);
    const std::size_t shape = header.find("'shape': (");
    const std::string_view size = header.substr(std::min(shape, header.size()));
    return !beside_data && header.starts_with("\x93NUMPY") &&
           header.find("'<f4'") != std::string_view::npos &&
           size.substr(0, size.find(')')).find(", ") != std::string_view::npos;
  });
}

// {"id":[3,1,…],…}, or floats of ID tokens, to judge by its beginning.
bool is_tokens_object(std::string_view content) {
  const std::string_view head = content.substr(0, 4096);
  const std::size_t codes = head.find("\":[");
  return head == "{}\n" || (head.starts_with("{\"") && codes != std::string_view::npos &&
                            head.find_first_of("-0123456789", codes) == codes + 3);
}

void export_vectors(const Model& model, const fs::path& out) {
  std::vector<float> vectors = model.vectors(model.items());
  write_npy(out, MatrixView<const float>(vectors.data(), model.size(), model.width()));
  fmt::print("{}: {} item vectors of {} floats, in the order of items.jsonl\n", out.string(),
             grouped(model.size()), model.width());
}

// Of each item, its tokens of one kind.
void export_kind(const Model& model, const fs::path& out, TokenKind kind) {
  const std::vector<std::int32_t> items = model.items();
  const std::size_t count = kind == TokenKind::id ? model.id_dims() : model.codebooks(kind);
  if (count == 0) {
    fail(
        "the model has no such tokens to export: it has {} semantic, {} collaborative, and ID "
        "tokens of {} dims",
        model.levels(), model.collaborative_tokens(), model.id_dims());
  }
  const std::vector<float> ids =
      kind == TokenKind::id ? model.id_tokens(items) : std::vector<float>();
  const std::vector<ItemCard> cards = model.cards(items);
  nlohmann::json tokens = nlohmann::json::object();
  for (std::size_t i = 0; i < cards.size(); ++i) {
    nlohmann::json& own = tokens[cards[i].id];
    switch (kind) {
      case TokenKind::semantic:
        own = cards[i].tokens.semantic;
        break;
      case TokenKind::collaborative:
        own = cards[i].tokens.collaborative;
        break;
      case TokenKind::id:
        own = std::span(ids).subspan(i * count, count);
        break;
    }
  }
  write_file(out, dump_json(tokens) + "\n");
  if (kind == TokenKind::id) {
    fmt::print("{}: ID tokens of {} dims of {} items\n", out.string(), count,
               grouped(items.size()));
  } else {
    fmt::print("{}: the {} {} codes of {} items\n", out.string(), count,
               kind == TokenKind::semantic ? "semantic" : "collaborative", grouped(items.size()));
  }
}

void export_all_codes(const Model& model, const fs::path& out) {
  if (model.levels() == 0) fail("the model has ID tokens alone: there are no codes to export");
  nlohmann::json tokens = nlohmann::json::object();
  for (const ItemCard& item : model.cards(model.items())) {
    tokens[item.id] = {{"codes", item.tokens.semantic},
                       {"collaborative_codes", item.tokens.collaborative}};
  }
  write_file(out, dump_json(tokens) + "\n");
  fmt::print("{}: the {} semantic and {} collaborative codes of {} items\n", out.string(),
             model.levels(), model.collaborative_tokens(), grouped(model.size()));
}

void export_model(const ExportArguments& arguments) {
  if (arguments.what == "vectors") {
    check_vectors_file(arguments.out);
  } else {
    check_output(arguments.out, "an object of items' codes", is_tokens_object);
  }
  const Model model(arguments.model);
  if (arguments.what == "vectors") return export_vectors(model, arguments.out);
  if (arguments.all) return export_all_codes(model, arguments.out);
  export_kind(model, arguments.out, token_kind(arguments.kind));
}

std::int64_t since_of(const std::string& text) {
  const std::string first[] = {text};
  std::int64_t time = kUnknownTime;
  try {
    time = parse_time(text, guess_time_form(first));
  } catch (const Error& error) {
    fail_usage("--since: {}", error.what());
  }
  if (time == kUnknownTime) fail_usage("--since '{}': is no time", text);
  return time;
}

void export_state(const ExportArguments& arguments) {
  ::umask(0077);  // histories are nobody else's business
  const std::string& source = arguments.state.empty() ? arguments.backup : arguments.state;
  ExportOptions options{.source = source, .out = arguments.out, .resume = arguments.resume};
  if (!arguments.since.empty()) options.since = since_of(arguments.since);
  const InterruptGuard guard;
  options.interrupted = InterruptGuard::interrupted;
  options.progress = shown_progress("exporting", "users");
  const std::unique_ptr<StoredState> state =
      arguments.state.empty() ? open_backup(arguments.backup, arguments.backup_id)
                              : open_state(arguments.state);
  if (arguments.what == "items") {
    const ExportReport report = export_items(*state, options);
    fmt::print(stderr, "{}: {} items\n", arguments.out, grouped(report.events));
    return;
  }
  if (arguments.what == "impressions") {
    const ExportReport report = export_feedback(*state, options);
    fmt::print(stderr,
               "{}: {} records of impressions and of events that followed; --since {} exports what "
               "comes after\n",
               arguments.out, grouped(report.events), report.next_since);
    return;
  }
  const ExportReport report = export_events(*state, options);
  if (!report.finished) fail("interrupted; --resume goes on with it");
  fmt::print(
      stderr, "{}: {} events of {} users{}; --since {} exports what comes after\n", arguments.out,
      grouped(report.events), grouped(report.users),
      report.erased == 0 ? "" : fmt::format(" ({} with erased items left out)", report.erased),
      report.next_since);
}

}  // namespace

void add_export(CLI::App& app) {
  auto arguments = std::make_shared<ExportArguments>();
  CLI::App* command = app.add_subcommand(
      "export",
      "Item vectors or tokens of a model, events, items or impressions of a service's state");
  CLI::Option* model = command->add_option("--model", arguments->model, "Model bundle");
  CLI::Option* state = command->add_option(
      "--state", arguments->state,
      "State of a service: its directory, also while the service runs, or redis://HOST:PORT");
  CLI::Option* backup = command->add_option("--backup", arguments->backup,
                                            "The same, from a directory of tessera backup");
  const CLI::Option* id = command->add_option("--backup-id", arguments->backup_id,
                                              "Which backup, as restore --list tells (the latest)");
  command
      ->add_option(
          "--what", arguments->what,
          "Of a model, vectors: .npy, one row an item in the order of items.jsonl, to be\n"
          "ranked by inner product; tokens: JSON, item id to tokens of a kind. Of a state,\n"
          "events or items: JSON lines that prepare reads (export:FILE); impressions: JSON lines")
      ->required()
      ->check(CLI::IsMember({"vectors", "tokens", "events", "items", "impressions"}));
  command->add_option("--out", arguments->out, "File to write")->required()->check(kNotEmpty);
  CLI::Option* kind =
      command
          ->add_option("--kind", arguments->kind,
                       "With tokens: semantic (default) or collaborative codes, or id, the vector "
                       "that an item has for itself")
          ->check(CLI::IsMember({"semantic", "collaborative", "id"}));
  CLI::Option* all = command->add_flag(
      "--all", arguments->all,
      "With tokens: of each item an object with its codes and collaborative_codes");
  const CLI::Option* since =
      command->add_option("--since", arguments->since,
                          "Only events and impressions received then or later: a date, or seconds "
                          "or milliseconds since 1970");
  const CLI::Option* resume =
      command->add_flag("--resume", arguments->resume, "Go on with an export that was interrupted");
  all->excludes(kind);
  model->excludes(state)->excludes(backup);
  state->excludes(backup);
  command->footer(
      "Examples:\n  tessera export --model shop-model --what vectors --out vectors.npy\n"
      "  tessera export --model shop-model --what tokens --out tokens.json\n"
      "  tessera export --model shop-model --what tokens --kind id --out id-tokens.json\n"
      "  tessera export --model shop-model --what tokens --all --out all-tokens.json\n"
      "  tessera export --state shop-state --what events --out events.jsonl\n"
      "  tessera export --backup shop-backup --what events --since 2026-01-31 --out new.jsonl\n"
      "  tessera export --state shop-state --what items --out items.jsonl\n"
      "  tessera export --state shop-state --what impressions --out impressions.jsonl");
  command->callback([=] {
    const bool events = arguments->what == "events";
    const bool impressions = arguments->what == "impressions";
    const bool of_state = events || impressions || arguments->what == "items";
    if (of_state && arguments->state.empty() && arguments->backup.empty()) {
      fail_usage("--state is missing: whose {}; or --backup", arguments->what);
    }
    if (!of_state && arguments->model.empty()) {
      fail_usage("--model is missing: whose {}", arguments->what);
    }
    check_belongs(model, !of_state, "--what vectors and --what tokens");
    check_belongs(state, of_state, "--what events, items and impressions");
    check_belongs(backup, of_state, "--what events, items and impressions");
    check_belongs(id, !arguments->backup.empty(), "--backup");
    check_belongs(all, arguments->what == "tokens", "--what tokens");
    check_belongs(kind, arguments->what == "tokens", "--what tokens");
    check_belongs(since, events || impressions, "--what events and impressions");
    check_belongs(resume, events, "--what events");
    of_state ? export_state(*arguments) : export_model(*arguments);
  });
}

}  // namespace tessera
