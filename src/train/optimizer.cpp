#include "train/optimizer.h"

#include <numeric>

namespace tessera {

void Optimizer::know_factors(std::uint64_t updates) {
  constexpr std::size_t kAtOnce = 4096;
  if (updates > factors_.capacity()) factors_.reserve(updates + kAtOnce);
  while (factors_.size() < updates) {
    factors_.push_back(adam_factors(settings_, factors_.size() + 1));
  }
}

void Optimizer::update_rows(Parameter& table, std::uint64_t updates,
                            std::span<const std::int32_t> rows, MatrixView<const float> grad) {
  know_factors(updates);
  adam_update_rows(settings_, factors_, updates, rows, grad, table.m, table.v, table.value,
                   table.done.span());
}

void Optimizer::catch_up(std::uint64_t updates, std::span<const std::int32_t> rows) {
  for (Parameter* p : parameters_) {
    if (p->is_table()) update_rows(*p, updates, rows, {});
  }
}

void Optimizer::catch_up(std::uint64_t updates) {
  for (Parameter* p : parameters_) {
    if (!p->is_table()) continue;
    std::vector<std::int32_t> rows(p->value.rows());
    std::iota(rows.begin(), rows.end(), 0);
    update_rows(*p, updates, rows, {});
  }
}

void Optimizer::update(std::uint64_t update) {
  for (Parameter* p : parameters_) {
    if (p->is_table()) {
      update_rows(*p, update, p->touched, p->grad);
    } else {
      adam_update(settings_, update, p->grad.span(), p->m.span(), p->v.span(), p->value.span());
    }
  }
}

}  // namespace tessera
