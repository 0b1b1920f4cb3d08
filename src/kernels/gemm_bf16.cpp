#include "kernels/gemm_bf16.h"

#include <oneapi/dnnl/dnnl.hpp>

#include "base/error.h"

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
void multiply(Transpose transpose_a, Transpose transpose_b, MatrixView<const Bf16> a,
              MatrixView<const Bf16> b, MatrixView<Out> c, Type out, const GemmEpilogue& epilogue) {
  const bool whole_a = transpose_a == Transpose::no;
  const std::size_t rows = whole_a ? a.rows : a.cols;
  const std::size_t inner = whole_a ? a.cols : a.rows;
  const std::size_t inner_b = transpose_b == Transpose::no ? b.rows : b.cols;
  const std::size_t cols = transpose_b == Transpose::no ? b.cols : b.rows;
  if (inner != inner_b || rows != c.rows || cols != c.cols ||
      (!epilogue.bias.empty() && epilogue.bias.size() != cols)) {
    fail("gemm_bf16: shapes {}×{} by {}×{} do not give {}×{}", rows, inner, inner_b, cols, c.rows,
         c.cols);
  }
  if (rows == 0 || cols == 0) return;
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
    dnnl::stream stream(cpu());
    matmul.execute(stream, arguments);
    stream.wait();
  } catch (const dnnl::error& error) {
    fail("gemm_bf16: oneDNN refused the call: {}", error.message);
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
  multiply(transpose_a, transpose_b, a, b, c, Type::f32, epilogue);
}

void gemm_bf16(Transpose transpose_a, Transpose transpose_b, MatrixView<const Bf16> a,
               MatrixView<const Bf16> b, MatrixView<Bf16> c, const GemmEpilogue& epilogue) {
  multiply(transpose_a, transpose_b, a, b, c, Type::bf16, epilogue);
}

}  // namespace tessera
