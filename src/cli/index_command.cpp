#include <CLI/CLI.hpp>
#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "index/index_file.h"
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

void check_index(const std::string& model) {
  const Bundle bundle = read_bundle(model);
  const fs::path file = fs::path(model) / kIndexFile;
  if (!read_index(file, bundle.model, bundle.catalogue)) {
    fail("{}: is of another training or version, and not used; run tessera index again",
         file.string());
  }
  fmt::print("{}: whole, and of this model\n", file.string());
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

}  // namespace tessera
