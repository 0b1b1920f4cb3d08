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
  const std::vector<std::int32_t> order = stepper.epoch_order();
  // The same users again and again draw other negatives: a few steps meet the largest need.
  const auto users = std::span(order).first(64);
  for (int i = 0; i < 20; ++i) stepper.step(users);
  const std::size_t before = allocations;
  const std::size_t blocks = stepper.arena().system_allocations();
  for (int i = 0; i < 10; ++i) stepper.step(users);
  EXPECT_EQ(allocations - before, 0U);
  EXPECT_EQ(stepper.arena().system_allocations(), blocks);
  stepper.epoch_order();
  EXPECT_GT(allocations, before) << "the counter does not count";
}

TEST_P(StepperTest, TheLossFalls) {
  Stepper stepper(state, data, text);
  const auto epoch_loss = [&] {
    state.loss_sums.clear();
    const std::vector<std::int32_t> order = stepper.epoch_order();
    for (std::size_t first = 0; first < order.size(); first += 64) {
      stepper.step(
          std::span(order).subspan(first, std::min<std::size_t>(64, order.size() - first)));
    }
    ++state.epoch;
    state.step = 0;
    return state.loss_sums[0];
  };
  const double first = epoch_loss();
  for (int i = 0; i < 8; ++i) epoch_loss();
  EXPECT_LT(epoch_loss(), 0.95 * first);
}

TEST_P(StepperTest, EpochOrdersArePermutationsThatDiffer) {
  const Stepper stepper(state, data, text);
  std::vector<std::int32_t> first = stepper.epoch_order();
  EXPECT_EQ(first, stepper.epoch_order());
  state.epoch = 1;
  std::vector<std::int32_t> second = stepper.epoch_order();
  EXPECT_NE(first, second);
  std::ranges::sort(first);
  std::ranges::sort(second);
  EXPECT_EQ(first, second);
}

INSTANTIATE_TEST_SUITE_P(Tokens, StepperTest, ::testing::Values("id", "semantic", "unified"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace tessera
