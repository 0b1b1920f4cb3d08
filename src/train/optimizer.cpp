#include "train/optimizer.h"

#include <numeric>

namespace tessera {

void Optimizer::know_factors(std::uint64_t updates) {
  constexpr std::size_t kAtOnce = 4096;
  if (updates > factors_.capacity()) factors_.reserve(updates + kAtOnce);
  while (factors_.size() < updates)
    factors_.push_back(adam_factors(settings_, factors_.size() + 1));
}

void Optimizer::catch_up(std::uint64_t updates, std::span<const std::int32_t> rows) {
  know_factors(updates);
  for (Parameter* p : parameters_) {
    if (!p->is_table()) continue;
    adam_update_rows(settings_, factors_, updates, rows, {}, p->m, p->v, p->value, p->done.span());
  }
}

void Optimizer::catch_up(std::uint64_t updates) {
  for (const Parameter* p : parameters_) {
    if (!p->is_table()) continue;
    std::vector<std::int32_t> rows(p->value.rows());
    std::iota(rows.begin(), rows.end(), 0);
    catch_up(updates, rows);
  }
}

void Optimizer::update(std::uint64_t update) {
  know_factors(update);
  for (Parameter* p : parameters_) {
    if (p->is_table()) {
      adam_update_rows(settings_, factors_, update, p->touched, p->grad, p->m, p->v, p->value,
                       p->done.span());
    } else {
      adam_update(settings_, update, p->grad.span(), p->m.span(), p->v.span(), p->value.span());
    }
  }
}

}  // namespace tessera
