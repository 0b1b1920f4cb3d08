#pragma once
#include <fmt/format.h>

#include <optional>

#include "base/progress.h"
#include "train/trainer.h"

namespace tessera {

/// The progress of one epoch after the other, on a terminal.
class StepBar {
 public:
  void show(const StepReport& report) {
    if (!bar_) {
      bar_.emplace(
          fmt::format("{}epoch {}", part_words(report.first_stage, report.refit), report.epoch),
          report.steps);
    }
    bar_->update(report.step, fmt::format("loss {:.4f}", report.loss));
    if (report.step == report.steps) bar_.reset();
  }
  /// Takes away what an interruption left.
  void end() { bar_.reset(); }

 private:
  std::optional<Progress> bar_;
};

}  // namespace tessera
