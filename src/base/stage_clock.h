#pragma once
#include <array>
#include <chrono>
#include <cstddef>

namespace tessera {

/// Parts of a training step that time is told for.
enum class Stage {
  other,
  batch,
  item_encoder,
  item_encoder_backward,
  item_decoder,
  quantizer,
  attention,
  attention_backward,
  feed_forward,
  feed_forward_backward,
  objective,
  optimizer,
};
inline constexpr std::size_t kStages = static_cast<std::size_t>(Stage::optimizer) + 1;

/// Where the time of steps goes: all of it belongs to the stage entered last.
class StageClock {
 public:
  void enter(Stage stage) {
    const auto now = std::chrono::steady_clock::now();
    seconds_[static_cast<std::size_t>(stage_)] +=
        std::chrono::duration<double>(now - since_).count();
    stage_ = stage;
    since_ = now;
  }
  /// Seconds spent in a stage that has been left.
  double seconds(Stage stage) const { return seconds_[static_cast<std::size_t>(stage)]; }

 private:
  std::array<double, kStages> seconds_{};
  Stage stage_ = Stage::other;
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

}  // namespace tessera
