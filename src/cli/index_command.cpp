#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/npy.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "index/index_file.h"
#include "kernels/rows.h"
#include "model/bundle.h"

namespace tessera {
namespace {

void index(const std::string& model) {
  const Bundle bundle = read_bundle(model);
  if (bundle.items.empty()) fail("{}: the catalogue is empty", model);
  const Stopwatch watch;
  const double bytes = write_index(model, bundle.model, bundle.catalogue);
  fmt::print("{}: {} items, {:.1f} bytes each, in {:.1f} s\n",
             (fs::path(model) / kIndexFile).string(), grouped(bundle.items.size()), bytes,
             watch.seconds());
}

struct ExportArguments {
  std::string model, what, out;
};

void export_vectors(const Bundle& bundle, const fs::path& out) {
  Matrix vectors(bundle.items.size(), bundle.model.settings.width());
  gather_rows(bundle.catalogue.vectors, bundle.catalogue.rows, vectors);
  write_npy(out, vectors);
  fmt::print("{}: {} item vectors of {} floats, in the order of items.jsonl\n", out.string(),
             grouped(vectors.rows()), vectors.cols());
}

void export_tokens(const Bundle& bundle, const fs::path& out) {
  const Catalogue& catalogue = bundle.catalogue;
  if (catalogue.levels == 0) fail("the model has ID tokens alone: there are no codes to export");
  nlohmann::json tokens = nlohmann::json::object();
  for (std::size_t i = 0; i < bundle.items.size(); ++i) {
    const auto codes = std::span(catalogue.codes).subspan(i * catalogue.levels, catalogue.levels);
    tokens[bundle.items[i].id] = codes;
  }
  write_file(out, dump_json(tokens) + "\n");
  fmt::print("{}: the {} codes of {} items\n", out.string(), catalogue.levels,
             grouped(bundle.items.size()));
}

void export_model(const ExportArguments& arguments) {
  const Bundle bundle = read_bundle(arguments.model);
  if (arguments.what == "vectors") return export_vectors(bundle, arguments.out);
  export_tokens(bundle, arguments.out);
}

}  // namespace

void add_index(CLI::App& app) {
  auto model = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("index", "Write a bundle's search index, to be mapped");
  command->add_option("--model", *model, "Model bundle")->required();
  command->footer(
      "Without it the index is built whenever a model is opened: in a blink for thousands of "
      "items,\n"
      "in seconds for millions. An index of an older training is not used.\n\n"
      "Example:\n  tessera index --model shop-model");
  command->callback([model] { index(*model); });
}

void add_export(CLI::App& app) {
  auto arguments = std::make_shared<ExportArguments>();
  CLI::App* command = app.add_subcommand("export", "Item vectors or tokens for other programs");
  command->add_option("--model", arguments->model, "Model bundle")->required();
  command
      ->add_option("--what", arguments->what,
                   "vectors: .npy, one row an item in the order of items.jsonl, to be ranked by\n"
                   "inner product; tokens: JSON, item id to codes")
      ->required()
      ->check(CLI::IsMember({"vectors", "tokens"}));
  command->add_option("--out", arguments->out, "File to write")->required()->check(kNotEmpty);
  command->footer(
      "Examples:\n  tessera export --model shop-model --what vectors --out vectors.npy\n"
      "  tessera export --model shop-model --what tokens --out tokens.json");
  command->callback([arguments] { export_model(*arguments); });
}

}  // namespace tessera
