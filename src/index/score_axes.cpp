#include "index/score_axes.h"

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "kernels/accumulate.h"
#include "linear/symmetric_eigen.h"

namespace tessera {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr std::size_t kSampleItems = 16384;
constexpr std::size_t kSampleStates = 1024;
// Of the mean second moment, added to that of every direction: directions that few states look
// along would else be stretched beyond measure, and cost the states that do their bounds.
constexpr double kRidge = 0.3;
// Ball axes are worth their bytes until this share of the variance is left.
constexpr double kNegligible = 0.005;

Eigen::MatrixXd to_eigen(MatrixView<const float> rows) {
  Eigen::MatrixXd result(rows.rows, rows.cols);
  for (std::size_t i = 0; i < rows.rows; ++i) {
    for (std::size_t j = 0; j < rows.cols; ++j) {
      result(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = double{rows[i][j]};
    }
  }
  return result;
}

// The lower Cholesky factor of the states' second moment, ridged, its mean eigenvalue about one.
Eigen::MatrixXd whitening(std::size_t width, MatrixView<const float> states) {
  const auto n = static_cast<Eigen::Index>(width);
  Eigen::MatrixXd moment = Eigen::MatrixXd::Zero(n, n);
  if (states.rows > 0) {
    const Eigen::MatrixXd rows = to_eigen(states);
    moment = rows.transpose() * rows;
    const double mean = moment.trace() / static_cast<double>(width);
    moment = mean > 0.0 ? Eigen::MatrixXd(moment / mean) : Eigen::MatrixXd::Zero(n, n);
  }
  moment.diagonal().array() += states.rows > 0 ? kRidge : 1.0;
  return moment.llt().matrixL();
}

// What follows from to_axes as it is stored.
void derive(ScoreAxes& axes) {
  const auto n = static_cast<Eigen::Index>(axes.width());
  const Eigen::MatrixXd to_axes = to_eigen(axes.to_axes);
  const RowMajor inverse = to_axes.partialPivLu().inverse();
  axes.to_weights.assign(inverse.data(), inverse.data() + n * n);
  // Rounding of an inner product (Higham 2002, section 3.1), with a little for the vector's own.
  axes.rounding = static_cast<double>(axes.width() + 4) * 0x1p-24 * to_axes.norm();
}

std::size_t worthwhile_ball_axes(const Eigen::VectorXd& variances) {
  const double all = variances.sum();
  std::size_t axes = kLeastBallAxes;
  const auto left = [&] {
    const auto used = static_cast<Eigen::Index>(kBoxAxes + axes);
    return used < variances.size() ? variances.tail(variances.size() - used).sum() : 0.0;
  };
  while (axes < kMostBallAxes && left() > kNegligible * all) axes += 16;
  return axes;
}

}  // namespace

ScoreAxes score_axes(std::size_t width, MatrixView<const float> vectors,
                     MatrixView<const float> states) {
  const auto n = static_cast<Eigen::Index>(width);
  ScoreAxes axes;
  axes.centre.assign(width, 0.0F);
  const Eigen::MatrixXd factor = whitening(width, states);
  Eigen::MatrixXd rows = to_eigen(vectors);
  if (vectors.rows > 0) {
    for (Eigen::Index j = 0; j < n; ++j) {
      const auto mean = static_cast<float>(rows.col(j).mean());
      axes.centre[static_cast<std::size_t>(j)] = mean;
      rows.col(j).array() -= double{mean};
    }
    rows *= factor;
  }
  Eigen::MatrixXd spread = Eigen::MatrixXd::Zero(n, n);
  if (vectors.rows > 0) spread = rows.transpose() * rows;
  const SymmetricEigen eigen = symmetric_eigen(spread);
  const Eigen::MatrixXd components = eigen.vectors.rowwise().reverse();  // largest first
  const Eigen::MatrixXd to_axes = components.transpose() * factor.transpose();
  axes.ball_axes = worthwhile_ball_axes(eigen.values.cwiseMax(0.0).reverse().eval());
  axes.to_axes = Matrix(width, width);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index j = 0; j < n; ++j) {
      axes.to_axes[static_cast<std::size_t>(i)][j] = static_cast<float>(to_axes(i, j));
    }
  }
  derive(axes);
  return axes;
}

ScoreAxes score_axes(const Recommender& model, const Catalogue& catalogue) {
  Random random(model.settings.seed, {catalogue.items()});
  const auto drawn = [&](std::size_t most) {
    std::vector<std::int32_t> items(std::min(most, catalogue.items()));
    for (std::int32_t& item : items) {
      item = static_cast<std::int32_t>(random.below(catalogue.items()));
    }
    return items;
  };
  const std::vector<std::int32_t> last = drawn(kSampleStates);
  std::vector<History> histories;
  for (const std::int32_t& item : last) histories.emplace_back(&item, 1);
  Matrix states(histories.size(), model.settings.width());
  user_states(model, catalogue, histories, states);
  const std::vector<std::int32_t> sample = drawn(kSampleItems);
  Matrix vectors(sample.size(), model.settings.width());
  copy_from(catalogue)(sample, vectors);
  check_values(vectors.span(), "an item vector is");
  check_values(states.span(), "a user's state is");
  return score_axes(model.settings.width(), vectors, states);
}

std::vector<double> axis_weights(const ScoreAxes& axes, std::span<const float> state) {
  const std::span<const double> rows(axes.to_weights);
  std::vector<double> weights(axes.width());
  for (std::size_t j = 0; j < state.size(); ++j) {
    accumulate_scaled(double{state[j]}, rows.subspan(j * axes.width(), axes.width()), weights);
  }
  return weights;
}

std::map<std::string, Tensor> axes_tensors(const ScoreAxes& axes) {
  const std::span<const float> centre(axes.centre);
  return {{"to_axes", as_tensor(axes.to_axes)},
          {"axes_centre", {"F32", {centre.size()}, std::as_bytes(centre)}}};
}

ScoreAxes read_axes(const SafeTensors& file, std::size_t width, std::size_t ball_axes) {
  ScoreAxes axes;
  axes.to_axes = file.matrix("to_axes", width, width);
  const Matrix centre = file.matrix("axes_centre", 1, width);
  axes.centre.assign(centre.span().begin(), centre.span().end());
  axes.ball_axes = ball_axes;
  derive(axes);
  const auto finite = [](const auto& numbers) {
    return std::ranges::all_of(numbers, [](auto x) { return std::isfinite(x); });
  };
  if (!finite(axes.to_axes.span()) || !finite(axes.centre) || !finite(axes.to_weights)) {
    fail("{}: an axis is not finite; build the index again", file.path().string());
  }
  return axes;
}

}  // namespace tessera
