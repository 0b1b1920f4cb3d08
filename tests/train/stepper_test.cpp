#include "train/stepper.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

#include "data/simulate.h"
#include "testing/matrices.h"

namespace {
std::atomic<std::size_t> allocations{0};
}

// Allocations of this program are counted, but not those that oneDNN's GEMM makes for itself.
[[gnu::noinline]] void* operator new(std::size_t size) {
  Dl_info caller{};
  dladdr(__builtin_return_address(0), &caller);
  const bool foreign = caller.dli_fname != nullptr && std::strstr(caller.dli_fname, "libdnnl");
  if (!foreign) ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace tessera {
namespace {

constexpr std::size_t kTextDims = 17;

class StepperTest : public ::testing::TestWithParam<const char*> {
 protected:
  StepperTest()
      : data(simulate_shop({.users = 200, .items = 90, .seed = 5})),
        text(testing::random_matrix(90, kTextDims, 3)) {
    Settings settings;
    apply_setting(settings, std::string("tokens=") + GetParam());
    settings.codebook_size = 8;
    settings.batch_users = 64;
    state.model = Recommender(settings, data.items.size(), kTextDims);
    state.model.initialise();
  }
  Dataset data;
  Matrix text;
  TrainingState state;
};

TEST_P(StepperTest, ASteadyStateAsksForNoMemory) {
  Stepper stepper(state, data, text);
  const EpochPlan plan = stepper.plan_epoch();
  // The same users again and again draw other negatives: a few steps meet the largest need.
  for (int i = 0; i < 20; ++i) stepper.step(plan.step(0));
  const std::size_t before = allocations;
  const std::size_t blocks = stepper.arena().system_allocations();
  for (int i = 0; i < 10; ++i) stepper.step(plan.step(0));
  EXPECT_EQ(allocations - before, 0U);
  EXPECT_EQ(stepper.arena().system_allocations(), blocks);
  stepper.plan_epoch();
  EXPECT_GT(allocations, before) << "the counter does not count";
}

TEST_P(StepperTest, TheLossFalls) {
  Stepper stepper(state, data, text);
  const auto epoch_loss = [&] {
    state.loss_sums.clear();
    const EpochPlan plan = stepper.plan_epoch();
    for (std::size_t i = 0; i < plan.size(); ++i) stepper.step(plan.step(i));
    ++state.epoch;
    state.step = 0;
    return state.loss_sums[0];
  };
  const double first = epoch_loss();
  for (int i = 0; i < 8; ++i) epoch_loss();
  EXPECT_LT(epoch_loss(), 0.95 * first);
}

TEST(WeightAverages, AreOfTheEpochsAndChangePlacesWithTheValues) {
  const Dataset data = simulate_shop({.users = 20, .items = 30, .seed = 5});
  Settings settings;
  settings.tokens = Tokens::id;
  settings.weight_averaging = 0.25;
  TrainingState state = initial_state(settings, data, 0);
  Matrix& values = state.model.item_encoder.ids.value;
  const auto set_all = [&](float value) { std::ranges::fill(values.span(), value); };
  set_all(8.0F);
  average_weights(state);
  ++state.epoch;
  set_all(16.0F);
  average_weights(state);
  swap_averages(state);
  EXPECT_FLOAT_EQ(values[3][1], 14.0F);
  swap_averages(state);
  EXPECT_FLOAT_EQ(values[3][1], 16.0F);
  settings.weight_averaging = 0.0;
  EXPECT_TRUE(initial_state(settings, data, 0).averages.empty());
}

INSTANTIATE_TEST_SUITE_P(Tokens, StepperTest, ::testing::Values("id", "semantic", "unified"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace tessera
