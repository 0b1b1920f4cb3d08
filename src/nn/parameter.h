#pragma once
#include <string>
#include <vector>

#include "base/matrix.h"
#include "base/random.h"

namespace tessera {

/// A learned matrix with its gradient and Adam's moments, all [rows, cols]. Backward passes set the
/// gradient of dense parameters and add to that of tables.
struct Parameter {
  std::string name;
  Matrix value, grad, m, v;
  /// Of a table, of which a step touches few rows: those where `grad` may not be 0, and up to which
  /// update of Adam each row is done ([rows, 1], whole numbers). Empty for a dense parameter.
  std::vector<std::int32_t> touched;
  Matrix done;

  Parameter() = default;
  Parameter(std::string parameter_name, std::size_t rows, std::size_t cols)
      : name(std::move(parameter_name)),
        value(rows, cols),
        grad(rows, cols),
        m(rows, cols),
        v(rows, cols) {}

  static Parameter table(std::string parameter_name, std::size_t rows, std::size_t cols) {
    Parameter parameter(std::move(parameter_name), rows, cols);
    parameter.done = Matrix(rows, 1);
    return parameter;
  }
  bool is_table() const { return done.size() > 0; }

  /// Gives back everything but the value: what follows only reads it.
  void keep_value_alone() {
    for (Matrix* of_training : {&grad, &m, &v, &done}) *of_training = Matrix();
  }
};

using ParameterList = std::vector<Parameter*>;

/// Fills with N(0, deviation²).
inline void fill_normal(std::span<float> values, double deviation, Random& random) {
  for (float& value : values) value = static_cast<float>(deviation * random.normal());
}

}  // namespace tessera
