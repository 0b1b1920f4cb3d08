#include "train/state.h"

#include <algorithm>

#include "base/error.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

// Adam's moments and the codebooks' averages, which a bundle does not need.
template <class Visit>
void visit_training_matrices(Recommender& model, const Visit& visit) {
  for (Parameter* parameter : model.parameters()) {
    visit("m." + parameter->name, parameter->m);
    visit("v." + parameter->name, parameter->v);
    if (parameter->is_table()) visit("done." + parameter->name, parameter->done);
  }
  auto& levels = model.item_encoder.quantizer.levels;
  for (std::size_t l = 0; l < levels.size(); ++l) {
    visit(fmt::format("codebook_sums.{}", l), levels[l].sums);
    visit(fmt::format("codebook_counts.{}", l), levels[l].counts);
  }
}

// In the order of the model's parameters.
template <class Visit>
void visit_averages(TrainingState& state, const Visit& visit) {
  const ParameterList parameters = state.model.parameters();
  for (std::size_t i = 0; i < state.averages.size(); ++i) {
    visit("average." + parameters[i]->name, state.averages[i]);
  }
}

void begin_averages(TrainingState& state) {
  if (state.model.settings.weight_averaging == 0.0) return;
  for (const Parameter* p : state.model.parameters()) state.averages.push_back(p->value.clone());
}

TrainingState read_state(const fs::path& file, const RowSelection& held) {
  const SafeTensors tensors = SafeTensors::mapped(file);
  const auto found = tensors.metadata().find("state");
  if (found == tensors.metadata().end()) fail("{}: not a checkpoint", file.string());
  const Json json = parse_json(found->second, file.string());
  TrainingState state;
  state.model = Recommender(settings_from_json(json.at("settings")), held.size(json.at("items")),
                            json.at("text_dims"));
  json.at("updates").get_to(state.updates);
  json.at("epoch").get_to(state.epoch);
  json.at("step").get_to(state.step);
  state.best = metrics_from_json(json.at("best"), json.at("best_users"));
  json.at("best_epoch").get_to(state.best_epoch);
  json.at("loss_sums").get_to(state.loss_sums);
  json.at("codes_found").get_to(state.codes_found);
  state.chooses_tokens = json.value("chooses_tokens", false);
  json.at("epoch_seconds").get_to(state.epoch_seconds);
  json.at("total_seconds").get_to(state.total_seconds);
  json.at("fingerprint").get_to(state.fingerprint);
  json.at("text_fingerprint").get_to(state.text_fingerprint);
  json.at("negatives").get_to(state.negatives);
  json.at("log").get_to(state.log);
  if (json.contains("chosen")) state.chosen = json.at("chosen");
  if (json.contains("from")) state.from = json.at("from");
  read_model(tensors, state.model, held);
  const auto read = [&](const std::string& name, Matrix& matrix) {
    matrix = tensors.matrix(name, matrix.rows(), matrix.cols(),
                            has_item_rows(name) ? held : RowSelection());
  };
  visit_training_matrices(state.model, read);
  begin_averages(state);
  visit_averages(state, read);
  return state;
}

}  // namespace

std::map<std::string, Tensor> checkpoint_tensors(TrainingState& state) {
  std::map<std::string, Tensor> tensors = model_tensors(state.model);
  const auto keep = [&](const std::string& name, const Matrix& matrix) {
    tensors.emplace(name, as_tensor(matrix));
  };
  visit_training_matrices(state.model, keep);
  visit_averages(state, keep);
  return tensors;
}

std::string describe(const TrainingState& state, std::size_t items) {
  return dump_json({{"settings", to_json(state.model.settings)},
                    {"items", items},
                    {"text_dims", state.model.item_encoder.text_dims()},
                    {"updates", state.updates},
                    {"epoch", state.epoch},
                    {"step", state.step},
                    {"best", to_json(state.best)},
                    {"best_users", state.best.users},
                    {"best_epoch", state.best_epoch},
                    {"loss_sums", state.loss_sums},
                    {"codes_found", state.codes_found},
                    {"chooses_tokens", state.chooses_tokens},
                    {"epoch_seconds", state.epoch_seconds},
                    {"total_seconds", state.total_seconds},
                    {"fingerprint", state.fingerprint},
                    {"text_fingerprint", state.text_fingerprint},
                    {"negatives", state.negatives},
                    {"chosen", state.chosen},
                    {"from", state.from},
                    {"log", state.log}});
}

TrainingState initial_state(const Settings& settings, const Dataset& data, std::size_t text_dims,
                            const RowSelection& held) {
  TrainingState state;
  const std::size_t items = data.items.size();
  state.model = Recommender(settings, held.size(items), text_dims);
  state.model.initialise(items, held);
  for (std::size_t row = 0; settings.has_ids() && row < state.model.items(); ++row) {
    if (!data.items[held.first + row * held.step].withheld) continue;
    std::ranges::fill(state.model.item_encoder.ids.value.view().row(row), 0.0F);
  }
  begin_averages(state);
  return state;
}

void average_weights(TrainingState& state) {
  // The first epoch's weights are better than those that nothing was learned by.
  const auto before =
      state.epoch == 0 ? 0.0F : static_cast<float>(state.model.settings.weight_averaging);
  const ParameterList parameters = state.model.parameters();
  for (std::size_t i = 0; i < state.averages.size(); ++i) {
    const std::span<const float> now = parameters[i]->value.span();
    const std::span<float> average = state.averages[i].span();
    for (std::size_t j = 0; j < now.size(); ++j) {
      average[j] = before * average[j] + (1.0F - before) * now[j];
    }
  }
}

void swap_averages(TrainingState& state) {
  const ParameterList parameters = state.model.parameters();
  for (std::size_t i = 0; i < state.averages.size(); ++i) {
    std::swap(parameters[i]->value, state.averages[i]);
  }
}

TrainingState read_checkpoint(const fs::path& file, const std::string& fingerprint,
                              const RowSelection& held) {
  if (!fs::exists(file)) {
    fail("{}: no checkpoint to resume from: train without --resume", file.string());
  }
  TrainingState state;
  try {
    state = read_state(file, held);
  } catch (const Json::exception&) {
    fail("{}: the checkpoint is damaged: train again without --resume", file.string());
  } catch (const Error& error) {
    fail("{}: train again without --resume", error.what());
  }
  if (state.fingerprint != fingerprint) {
    fail(
        "{}: this checkpoint was made on other data: give --data as it was, or train without "
        "--resume",
        file.string());
  }
  return state;
}

}  // namespace tessera
