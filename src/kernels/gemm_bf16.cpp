#include "kernels/gemm_bf16.h"

#include <unordered_map>

#include <oneapi/dnnl/dnnl.hpp>

#include "base/error.h"
#include "base/held_signals.h"
#include "base/parallel.h"
#include "kernels/elementwise.h"

namespace tessera {
namespace {

using Desc = dnnl::memory::desc;
using Type = dnnl::memory::data_type;
using Dims = dnnl::memory::dims;

const dnnl::engine& cpu() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::memory::dim dim(std::size_t n) { return static_cast<dnnl::memory::dim>(n); }

template <class T>
Desc describe(const Dims& shape, Transpose transpose, MatrixView<T> stored, Type type) {
  const Dims strides =
      transpose == Transpose::no ? Dims{dim(stored.stride), 1} : Dims{1, dim(stored.stride)};
  return {shape, type, strides};
}

template <class T>
dnnl::memory memory_of(const Desc& desc, MatrixView<T> matrix) {
  return {desc, cpu(), const_cast<std::remove_const_t<T>*>(matrix.data)};  // oneDNN takes void*
}

dnnl::matmul::primitive_desc primitive(const Desc& a, const Desc& b, const Desc* bias,
                                       const Desc& c, const dnnl::primitive_attr& attributes) {
#if DNNL_VERSION_MAJOR >= 3
  if (bias != nullptr) return {cpu(), a, b, *bias, c, attributes};
  return {cpu(), a, b, c, attributes};
#else
  const auto desc =
      bias != nullptr ? dnnl::matmul::desc(a, b, *bias, c) : dnnl::matmul::desc(a, b, c);
  return {desc, attributes, cpu()};
#endif
}

template <class Out>
void multiply_by_onednn(Transpose transpose_a, Transpose transpose_b, MatrixView<const Bf16> a,
                        MatrixView<const Bf16> b, MatrixView<Out> c, const GemmEpilogue& epilogue) {
  constexpr Type out = std::is_same_v<Out, float> ? Type::f32 : Type::bf16;
  const bool whole_a = transpose_a == Transpose::no;
  const std::size_t rows = c.rows, cols = c.cols;
  const std::size_t inner = whole_a ? a.cols : a.rows;
  // The rows of `a` as it is stored are those of a batch and change at every step. Left open until
  // the call, they let one compiled primitive serve every batch: a new one costs 0.3 ms.
  const auto open = [&](std::size_t n, bool changes) {
    return changes ? DNNL_RUNTIME_DIM_VAL : dim(n);
  };
  const Dims a_open{open(rows, whole_a), open(inner, !whole_a)};
  const Dims b_open{open(inner, !whole_a), dim(cols)};
  const Dims c_open{open(rows, whole_a), dim(cols)};
  const Desc bias_desc(Dims{1, dim(cols)}, Type::f32, Dims{dim(cols), 1});
  dnnl::post_ops after;
#if DNNL_VERSION_MAJOR >= 3
  if (epilogue.relu) after.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
#else
  if (epilogue.relu) after.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
#endif
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(after);
  try {
    const dnnl::matmul matmul(primitive(describe(a_open, transpose_a, a, Type::bf16),
                                        describe(b_open, transpose_b, b, Type::bf16),
                                        epilogue.bias.empty() ? nullptr : &bias_desc,
                                        describe(c_open, Transpose::no, c, out), attributes));
    std::unordered_map<int, dnnl::memory> arguments = {
        {DNNL_ARG_SRC, memory_of(describe({dim(rows), dim(inner)}, transpose_a, a, Type::bf16), a)},
        {DNNL_ARG_WEIGHTS,
         memory_of(describe({dim(inner), dim(cols)}, transpose_b, b, Type::bf16), b)},
        {DNNL_ARG_DST, memory_of(describe({dim(rows), dim(cols)}, Transpose::no, c, out), c)}};
    if (!epilogue.bias.empty()) {
      const MatrixView<const float> bias(epilogue.bias.data(), 1, cols);
      arguments.emplace(DNNL_ARG_BIAS, memory_of(bias_desc, bias));
    }
    const HeldSignals held;
    dnnl::stream stream(cpu());
    matmul.execute(stream, arguments);
    stream.wait();
  } catch (const dnnl::error& error) {
    fail("gemm_bf16: oneDNN refused the call: {}", error.message);
  }
}

Matrix widened(MatrixView<const Bf16> x) {
  Matrix wide(x.rows, x.cols);
  parallel_for(x.rows, 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      for (std::size_t c = 0; c < x.cols; ++c) wide[i][c] = to_float(x[i][c]);
    }
  });
  return wide;
}

// Without the instructions: products of brain floats are exact in single precision.
void multiply_widened(Transpose transpose_a, Transpose transpose_b, MatrixView<const Bf16> a,
                      MatrixView<const Bf16> b, MatrixView<float> c, const GemmEpilogue& epilogue) {
  gemm(transpose_a, transpose_b, 1.0F, widened(a), widened(b), 0.0F, c);
  if (epilogue.relu) {
    const std::vector<float> none(epilogue.bias.empty() ? c.cols : 0);
    bias_relu(c, none.empty() ? epilogue.bias : none);
  } else if (!epilogue.bias.empty()) {
    add_bias(c, epilogue.bias);
  }
}
void multiply_widened(Transpose transpose_a, Transpose transpose_b, MatrixView<const Bf16> a,
                      MatrixView<const Bf16> b, MatrixView<Bf16> c, const GemmEpilogue& epilogue) {
  Matrix wide(c.rows, c.cols);
  multiply_widened(transpose_a, transpose_b, a, b, wide.view(), epilogue);
  to_bf16(wide, c);
}

template <class Out>
void multiply(Transpose transpose_a, Transpose transpose_b, MatrixView<const Bf16> a,
              MatrixView<const Bf16> b, MatrixView<Out> c, const GemmEpilogue& epilogue) {
  const bool whole_a = transpose_a == Transpose::no, whole_b = transpose_b == Transpose::no;
  const std::size_t rows = whole_a ? a.rows : a.cols, inner = whole_a ? a.cols : a.rows;
  const std::size_t inner_b = whole_b ? b.rows : b.cols, cols = whole_b ? b.cols : b.rows;
  if (inner != inner_b || rows != c.rows || cols != c.cols ||
      (!epilogue.bias.empty() && epilogue.bias.size() != cols)) {
    fail("gemm_bf16: shapes {}×{} by {}×{} do not give {}×{}", rows, inner, inner_b, cols, c.rows,
         c.cols);
  }
  if (rows == 0 || cols == 0) return;
  if (has_bf16() && inner > 0) {
    multiply_by_onednn(transpose_a, transpose_b, a, b, c, epilogue);
  } else {
    multiply_widened(transpose_a, transpose_b, a, b, c, epilogue);
  }
}

}  // namespace

bool has_bf16() {
  // An instruction set is the bits of all that it contains.
  const auto needed = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & needed) == needed;
}

void gemm_bf16(Transpose transpose_a, Transpose transpose_b, MatrixView<const Bf16> a,
               MatrixView<const Bf16> b, MatrixView<float> c, const GemmEpilogue& epilogue) {
  multiply(transpose_a, transpose_b, a, b, c, epilogue);
}

void gemm_bf16(Transpose transpose_a, Transpose transpose_b, MatrixView<const Bf16> a,
               MatrixView<const Bf16> b, MatrixView<Bf16> c, const GemmEpilogue& epilogue) {
  multiply(transpose_a, transpose_b, a, b, c, epilogue);
}

}  // namespace tessera
