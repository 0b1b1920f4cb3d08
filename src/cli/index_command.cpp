#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/folders.h"
#include "base/npy.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "index/index_file.h"
#include "model/bundle.h"
#include "tessera/model.h"

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

void check_index(const std::string& model) {
  const Bundle bundle = read_bundle(model);
  const fs::path file = fs::path(model) / kIndexFile;
  if (!read_index(file, bundle.model, bundle.catalogue)) {
    fail("{}: is of another training or version, and not used; run tessera index again",
         file.string());
  }
  fmt::print("{}: whole, and of this model\n", file.string());
}

struct ExportArguments {
  std::string model, what, out;
  bool all = false;
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

// {"id":[3,1,…],…}, to judge by its beginning.
bool is_tokens_object(std::string_view content) {
  const std::string_view head = content.substr(0, 4096);
  const std::size_t codes = head.find("\":[");
  return head == "{}\n" || (head.starts_with("{\"") && codes != std::string_view::npos &&
                            head.find_first_of("0123456789", codes) == codes + 3);
}

void export_vectors(const Model& model, const fs::path& out) {
  std::vector<float> vectors = model.vectors(model.items());
  write_npy(out, MatrixView<const float>(vectors.data(), model.size(), model.width()));
  fmt::print("{}: {} item vectors of {} floats, in the order of items.jsonl\n", out.string(),
             grouped(model.size()), model.width());
}

void export_tokens(const Model& model, const fs::path& out, bool all) {
  if (model.levels() == 0) fail("the model has ID tokens alone: there are no codes to export");
  nlohmann::json tokens = nlohmann::json::object();
  for (const ItemCard& item : model.cards(model.items())) {
    if (all) {
      tokens[item.id] = {{"codes", item.tokens.semantic},
                         {"collaborative_codes", item.tokens.collaborative}};
    } else {
      tokens[item.id] = item.tokens.semantic;
    }
  }
  write_file(out, dump_json(tokens) + "\n");
  fmt::print("{}: the {} semantic{} codes of {} items\n", out.string(), model.levels(),
             all ? fmt::format(" and {} collaborative", model.collaborative_tokens()) : "",
             grouped(model.size()));
}

void export_model(const ExportArguments& arguments) {
  if (arguments.all && arguments.what != "tokens") fail_usage("--all belongs to --what tokens");
  if (arguments.what == "vectors") {
    check_vectors_file(arguments.out);
  } else {
    check_output(arguments.out, "an object of items' codes", is_tokens_object);
  }
  const Model model(arguments.model);
  if (arguments.what == "vectors") return export_vectors(model, arguments.out);
  export_tokens(model, arguments.out, arguments.all);
}

}  // namespace

void add_index(CLI::App& app) {
  auto model = std::make_shared<std::string>();
  auto check = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("index", "Write a bundle's search index into it");
  command->add_option("--model", *model, "Model bundle")->required();
  command->add_flag("--check", *check,
                    "Write nothing: exit status 0 if the index is there, whole by its checksum and "
                    "of this model");
  command->footer(
      "Without it the index is built whenever a model is opened: in a blink for thousands of "
      "items,\n"
      "in seconds for millions. An index of an older training is not used.\n\n"
      "Examples:\n  tessera index --model shop-model\n"
      "  tessera index --model shop-model --check");
  command->callback([model, check] { *check ? check_index(*model) : index(*model); });
}

void add_export(CLI::App& app) {
  auto arguments = std::make_shared<ExportArguments>();
  CLI::App* command = app.add_subcommand("export", "Item vectors or tokens for other programs");
  command->add_option("--model", arguments->model, "Model bundle")->required();
  command
      ->add_option("--what", arguments->what,
                   "vectors: .npy, one row an item in the order of items.jsonl, to be ranked by\n"
                   "inner product; tokens: JSON, item id to semantic codes")
      ->required()
      ->check(CLI::IsMember({"vectors", "tokens"}));
  command->add_option("--out", arguments->out, "File to write")->required()->check(kNotEmpty);
  command->add_flag("--all", arguments->all,
                    "With tokens: of each item an object with its codes and collaborative_codes");
  command->footer(
      "Examples:\n  tessera export --model shop-model --what vectors --out vectors.npy\n"
      "  tessera export --model shop-model --what tokens --out tokens.json\n"
      "  tessera export --model shop-model --what tokens --all --out all-tokens.json");
  command->callback([arguments] { export_model(*arguments); });
}

}  // namespace tessera
