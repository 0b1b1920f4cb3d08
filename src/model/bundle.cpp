#include "model/bundle.h"

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/stored_rows.h"

namespace tessera {
namespace {

using Json = nlohmann::json;
constexpr int kFormatVersion = 1;

constexpr const char* kCodes = "codes";
constexpr const char* kNewId = "new_id_token";
constexpr const char* kCentres = "collaborative_centres";
constexpr const char* kTextMap = "collaborative_text_map";
constexpr const char* kTextCentres = "collaborative_text_centres";
constexpr const char* kCollaborativeCodes = "collaborative_codes";

// [items, count] of the selected rows, each below codebook_size.
std::vector<std::int32_t> read_codes(const SafeTensors& file, const char* name, std::size_t items,
                                     std::size_t count, std::size_t codebook_size,
                                     const RowSelection& own = {}) {
  const Tensor& tensor = file.at(name);
  if (tensor.dtype != "I32" || tensor.shape.size() != 2 || own.size(tensor.shape[0]) != items ||
      tensor.shape[1] != count) {
    fail("{}: '{}' has the wrong shape: the bundle is damaged", file.path().string(), name);
  }
  std::vector<std::int32_t> codes(items * count);
  read_rows<std::int32_t>(tensor.bytes, own, MatrixView(codes.data(), items, count));
  for (const std::int32_t code : codes) {
    if (code < 0 || static_cast<std::size_t>(code) >= codebook_size) {
      fail("{}: '{}' holds {}, outside the codebook: the bundle is damaged", file.path().string(),
           name, code);
    }
  }
  return codes;
}

// Of bundles of earlier versions a linear map.
TextKernel read_text_kernel(const SafeTensors& file, std::size_t text_dims, std::size_t dims) {
  TextKernel kernel;
  std::size_t inputs = text_dims;
  if (file.tensors().contains(kTextCentres)) {
    kernel.centres = file.matrix(kTextCentres, 0, text_dims);
    inputs = kernel.centres.rows();
    if (inputs == 0) {
      fail("{}: '{}' has no rows: the bundle is damaged", file.path().string(), kTextCentres);
    }
  }
  kernel.weights = file.matrix(kTextMap, inputs + 1, dims);
  return kernel;
}

std::string codebook_name(std::size_t level) { return fmt::format("codebook.{}", level); }

// What config.json says about the data; "" if nothing.
std::string fact(const Json& config, const char* name) {
  const auto data = config.find("data");
  if (data == config.end() || !data->is_object()) return "";
  const auto found = data->find(name);
  return found != data->end() && found->is_string() ? found->get<std::string>() : "";
}

std::size_t count_in(const Json& config, const char* name, const fs::path& file) {
  if (!config.contains(name) || !config.at(name).is_number_unsigned()) {
    fail("{}: '{}' is missing or not a count: the bundle is damaged", file.string(), name);
  }
  return config.at(name).get<std::size_t>();
}

/// The numbers that a model of these settings is made of. By floating point: damaged settings may
/// ask for more than any integer holds.
double numbers_in(const Settings& settings, std::size_t items, std::size_t text_dims) {
  const auto real = [](std::size_t count) { return static_cast<double>(count); };
  double numbers = real(items) * real(settings.id_width());
  if (settings.has_semantics()) {
    const std::vector<std::size_t> widths = settings.encoder_widths(text_dims);
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
      numbers += 2.0 * real(widths[i]) * real(widths[i + 1]);
    }
    numbers += real(settings.levels) * real(settings.codebook_size) * real(settings.semantic_dims);
  }
  if (settings.has_collaborative()) {
    numbers += real(settings.codebook_size) * real(settings.collaborative_dims);
  }
  const TransformerShape shape = settings.transformer();
  const double layer =
      4.0 * real(shape.hidden) + 2.0 * real(shape.feed_forward) + real(shape.convolution);
  return numbers + real(shape.width) * (real(shape.max_length) + real(shape.layers) * layer);
}

/// A pipe in the place of a file would be waited for, and a device never ends.
void check_plain_files(const fs::path& directory) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    std::error_code error;
    const fs::file_status status = entry.status(error);
    if (!error && !fs::is_regular_file(status) && !fs::is_directory(status)) {
      fail("{}: is not a plain file: the bundle is damaged", entry.path().string());
    }
  }
}

/// What the settings ask for must be in the file: nothing is allocated for more.
void check_size(const Settings& settings, std::size_t items, std::size_t text_dims,
                const fs::path& directory) {
  std::error_code error;
  const fs::path weights = directory / kWeightsFile;
  const std::uintmax_t bytes = fs::file_size(weights, error);
  if (error) fail("{}: cannot be read: {}", weights.string(), error.message());
  constexpr double kSmallest = 2.0;  // bytes of a half-precision number
  const double numbers = numbers_in(settings, items, text_dims);
  if (numbers * kSmallest > static_cast<double>(bytes)) {
    fail("{}: its settings ask for {:.4g} numbers, more than {} holds: the bundle is damaged",
         (directory / "config.json").string(), numbers, kWeightsFile);
  }
}

}  // namespace

std::map<std::string, Tensor> model_tensors(Recommender& model) {
  std::map<std::string, Tensor> tensors;
  for (const Parameter* parameter : model.parameters()) {
    tensors.emplace(parameter->name, as_tensor(parameter->value));
  }
  const auto& levels = model.item_encoder.quantizer.levels;
  for (std::size_t l = 0; l < levels.size(); ++l) {
    tensors.emplace(codebook_name(l), as_tensor(levels[l].codebook));
  }
  if (model.settings.has_collaborative()) {
    const CollaborativeTokens& tokens = model.item_encoder.collaborative;
    tensors.emplace(kCentres, as_tensor(tokens.centres));
    tensors.emplace(kTextMap, as_tensor(tokens.by_text.weights));
    if (tokens.by_text.centres.size() > 0) {
      tensors.emplace(kTextCentres, as_tensor(tokens.by_text.centres));
    }
    tensors.emplace(
        kCollaborativeCodes,
        Tensor{"I32", {model.items(), tokens.parts}, std::as_bytes(std::span(tokens.codes))});
  }
  return tensors;
}

bool has_item_rows(std::string_view tensor) {
  return tensor.ends_with(kIdTokens) || tensor == kCodes || tensor == kCollaborativeCodes;
}

void read_model(const SafeTensors& file, Recommender& model, const RowSelection& own) {
  for (Parameter* parameter : model.parameters()) {
    parameter->value =
        file.matrix(parameter->name, parameter->value.rows(), parameter->value.cols(),
                    has_item_rows(parameter->name) ? own : RowSelection());
  }
  auto& levels = model.item_encoder.quantizer.levels;
  for (std::size_t l = 0; l < levels.size(); ++l) {
    levels[l].codebook =
        file.matrix(codebook_name(l), levels[l].codebook.rows(), levels[l].codebook.cols());
  }
  if (model.settings.has_collaborative()) {
    CollaborativeTokens& tokens = model.item_encoder.collaborative;
    tokens.centres = file.matrix(kCentres, tokens.centres.rows(), tokens.centres.cols());
    tokens.by_text = read_text_kernel(file, model.item_encoder.text_dims(), tokens.dims());
    tokens.codes = read_codes(file, kCollaborativeCodes, model.items(), tokens.parts,
                              tokens.codebook_size, own);
  }
}

std::map<std::string, Tensor> bundle_tensors(Recommender& model, const Catalogue& catalogue,
                                             std::vector<std::vector<Half>>& halves) {
  auto tensors = model_tensors(model);
  const auto halve = [&](const char* name, std::span<const float> values) {
    if (values.empty()) return;
    std::vector<Half>& kept = halves.emplace_back(values.size());
    std::ranges::transform(values, kept.begin(), to_half);
    Tensor& tensor = tensors.at(name);
    tensor = {"F16", tensor.shape, std::as_bytes(std::span(kept))};
  };
  halve(kIdTokens, model.item_encoder.ids.value.span());
  const std::vector<float>& new_id = model.item_encoder.new_id;
  if (!is_zero(new_id)) {
    tensors.emplace(kNewId, as_tensor({new_id.data(), 1, new_id.size()}));
    halve(kNewId, new_id);
  }
  halve(kTextCentres, model.item_encoder.collaborative.by_text.centres.span());
  tensors.emplace(kCodes, Tensor{"I32",
                                 {catalogue.items(), catalogue.places},
                                 std::as_bytes(std::span(catalogue.codes))});
  return tensors;
}

void describe_bundle(const fs::path& directory, const Recommender& model,
                     const std::vector<CatalogueItem>& items, const Json& facts) {
  const SafeTensors tensors(directory / kWeightsFile);
  const std::size_t count = model.settings.codes();
  const std::size_t levels = model.settings.has_semantics() ? model.settings.levels : 0;
  const auto codes = tensors.values<std::int32_t>(kCodes, "I32", items.size() * count);
  constexpr std::size_t kPart = 1U << 20;
  FileWriter file(directory / "items.jsonl");
  std::string lines;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto own = codes.subspan(i * count, count);
    Json line = {{"id", items[i].id}, {"title", items[i].title}, {"codes", own.first(levels)}};
    if (count > levels) line["collaborative_codes"] = own.subspan(levels);
    lines += dump_json(line) + '\n';
    if (lines.size() < kPart && i + 1 < items.size()) continue;
    file.write(std::as_bytes(std::span(lines)));
    lines.clear();
  }
  file.commit();
  Json config = facts;
  config["format_version"] = kFormatVersion;
  config["settings"] = to_json(model.settings);
  config["items"] = items.size();
  config["text_dims"] = model.item_encoder.text_dims();
  write_config(directory, config);
}

void write_config(const fs::path& directory, const Json& config) {
  write_file(directory / "config.json", dump_json(config, 2) + "\n");
}

Json read_config(const fs::path& directory) {
  const fs::path file = directory / "config.json";
  if (!fs::exists(file)) {
    fail("{}: not a model bundle (no config.json): make one with 'tessera train'",
         directory.string());
  }
  check_plain_files(directory);
  Json config = read_json(file);
  if (!config.is_object()) fail("{}: expected an object", file.string());
  const std::size_t version = count_in(config, "format_version", file);
  if (version > kFormatVersion) {
    fail("{}: format version {} is newer than this program's ({}): update tessera", file.string(),
         version, kFormatVersion);
  }
  if (!config.contains("settings")) {
    fail("{}: 'settings' is missing: the bundle is damaged", file.string());
  }
  try {
    settings_from_json(config.at("settings"));
  } catch (const Error& error) {
    fail("{}: {}", file.string(), error.what());
  }
  return config;
}

std::vector<CatalogueItem> read_bundle_items(const fs::path& directory) {
  const fs::path file = directory / "items.jsonl";
  std::vector<CatalogueItem> items;
  for_each_line(read_file(file), [&](std::string_view line, std::size_t number) {
    const std::string where = fmt::format("{}:{}", file.string(), number);
    const Json json = parse_json(line, where);
    const auto is_text = [&](const char* name) {
      return json.is_object() && json.contains(name) && json.at(name).is_string();
    };
    if (!is_text("id") || !is_text("title")) {
      fail("{}: expected an object with an 'id' and a 'title': the bundle is damaged", where);
    }
    items.push_back({json.at("id").get<std::string>(), json.at("title").get<std::string>(), ""});
  });
  return items;
}

Bundle read_bundle(const fs::path& directory) {
  const fs::path file = directory / "config.json";
  Bundle bundle;
  bundle.config = read_config(directory);
  const Settings settings = settings_from_json(bundle.config.at("settings"));
  const std::size_t items = count_in(bundle.config, "items", file);
  bundle.items = read_bundle_items(directory);
  if (bundle.items.size() != items) {
    fail("{}: {} items where config.json has {}: the bundle is damaged",
         (directory / "items.jsonl").string(), bundle.items.size(), items);
  }
  const std::size_t text_dims = count_in(bundle.config, "text_dims", file);
  const SafeTensors tensors(directory / kWeightsFile);
  check_size(settings, items, text_dims, directory);
  bundle.model = Recommender(settings, items, text_dims);
  for (Parameter* parameter : bundle.model.parameters()) parameter->keep_value_alone();
  read_model(tensors, bundle.model);
  if (settings.has_ids() && tensors.contains(kNewId)) {
    const Matrix new_id = tensors.matrix(kNewId, 1, settings.id_width());
    if (!std::ranges::all_of(new_id.span(), [](float x) { return std::isfinite(x); })) {
      fail("{}: '{}' is not finite: the bundle is damaged", tensors.path().string(), kNewId);
    }
    std::ranges::copy(new_id.span(), bundle.model.item_encoder.new_id.begin());
  }
  std::vector<std::int32_t> codes;
  if (settings.has_semantics()) {
    codes = read_codes(tensors, kCodes, items, settings.codes(), settings.codebook_size);
  }
  bundle.catalogue = catalogue_of_codes(bundle.model, std::move(codes));
  return bundle;
}

Bundle read_bundle_of(const fs::path& directory, const Dataset& data) {
  Bundle bundle = read_bundle(directory);
  if (fact(bundle.config, "fingerprint") != fingerprint(data)) {
    fail("{}: was trained on other data: give the dataset it was trained on", directory.string());
  }
  return bundle;
}

bool is_refit(const Json& config) {
  const auto refit = config.find("refit");
  return refit != config.end() && *refit == true;
}

void check_unseen(const Json& config, const fs::path& directory) {
  if (!is_refit(config)) return;
  fs::path chose;
  const auto chosen = config.find("chosen");
  if (chosen != config.end() && chosen->is_object()) chose = chosen->value("bundle", "");
  if (chose.is_relative()) chose = directory / chose;  // its own, which moves with it
  fail("{}: is a refit on every event, which has seen what it would be asked for: {} (or --seen)",
       directory.string(),
       fs::exists(chose / "config.json")
           ? fmt::format("evaluate {}, which chose its epochs", chose.string())
           : "evaluate the model that chose its epochs");
}

Dataset read_dataset_of(const Json& config, const fs::path& directory) {
  const fs::path from = directory.empty() ? fs::path(fact(config, "directory")) : directory;
  if (from.empty()) fail("the bundle does not say which dataset it belongs to: give --data");
  Dataset data = read_dataset(from);
  if (fact(config, "fingerprint") != fingerprint(data)) {
    fail("{}: the model was trained on other data: give the dataset it was trained on",
         from.string());
  }
  return data;
}

}  // namespace tessera
