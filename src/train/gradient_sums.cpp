#include "train/gradient_sums.h"

#include <algorithm>

namespace tessera {
namespace {

constexpr std::size_t kLarge = 1U << 15;

}  // namespace

void GradientSums::start(const ParameterList& complete) {
  for (Parameter* p : complete) {
    if (p->grad.size() >= kLarge) {
      ranks_->start_add_up(p->grad.span());
    } else {
      small_.push_back(p);
    }
  }
}

void GradientSums::finish() {
  packed_.clear();
  for (Parameter* p : small_) {
    packed_.insert(packed_.end(), p->grad.span().begin(), p->grad.span().end());
  }
  ranks_->start_add_up(packed_);
  ranks_->finish();
  const float* from = packed_.data();
  for (Parameter* p : small_) {
    std::copy_n(from, p->grad.size(), p->grad.span().begin());
    from += p->grad.size();
  }
  small_.clear();
}

}  // namespace tessera
