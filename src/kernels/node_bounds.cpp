#include "kernels/node_bounds.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/node_bounds.cpp"
#include <hwy/foreach_target.h>
// After foreach_target:
#include <hwy/highway.h>

#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void NodeBounds(const Nodes& nodes, const NodeQuery& query, float* bounds, float* centres) {
  const float* low = nodes.rows[0];
  const float* high = nodes.rows[nodes.box_axes];
  const float* centre = nodes.rows[2 * nodes.box_axes];
  const float* radius = nodes.rows[2 * nodes.box_axes + nodes.ball_axes];
  const std::size_t stride = nodes.rows.stride;
  ForLanes(nodes.rows.cols, [&](size_t i, auto d) HWY_ATTR {
    auto sides = hn::Zero(d);
    auto middle = hn::Zero(d);
    for (size_t axis = 0; axis < nodes.box_axes; ++axis) {
      const auto q = hn::Set(d, query.box[axis]);
      const auto to_low = hn::Mul(q, hn::LoadU(d, low + axis * stride + i));
      const auto to_high = hn::Mul(q, hn::LoadU(d, high + axis * stride + i));
      sides = hn::Add(sides, hn::Max(to_low, to_high));
      middle = hn::Add(middle, hn::Add(to_low, to_high));
    }
    auto ball = hn::Zero(d);
    for (size_t axis = 0; axis < nodes.ball_axes; ++axis) {
      const auto q = hn::Set(d, query.ball[axis]);
      ball = hn::MulAdd(q, hn::LoadU(d, centre + axis * stride + i), ball);
    }
    hn::StoreU(hn::MulAdd(hn::Set(d, 0.5F), middle, ball), d, centres + i);
    const auto around = hn::MulAdd(hn::Set(d, query.ball_length), hn::LoadU(d, radius + i), ball);
    const auto rest = hn::Mul(hn::Set(d, query.rest_length), hn::LoadU(d, radius + stride + i));
    hn::StoreU(hn::Add(hn::Add(sides, around), rest), d, bounds + i);
  });
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
namespace {
HWY_EXPORT(NodeBounds);
}

void node_bounds(const Nodes& nodes, const NodeQuery& query, std::span<float> bounds,
                 std::span<float> centres) {
  HWY_DYNAMIC_DISPATCH(NodeBounds)(nodes, query, bounds.data(), centres.data());
}

}  // namespace tessera
#endif
