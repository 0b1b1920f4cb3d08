#include "kernels/paths.h"

#include <hwy/targets.h>

#include <oneapi/dnnl/dnnl.hpp>

#include "kernels/gemm_bf16.h"
#include "kernels/scan.h"

namespace tessera {
namespace {

std::string name_of(dnnl::cpu_isa isa) {
  switch (isa) {
    case dnnl::cpu_isa::sse41:
      return "SSE4.1";
    case dnnl::cpu_isa::avx:
      return "AVX";
    case dnnl::cpu_isa::avx2:
      return "AVX2";
    case dnnl::cpu_isa::avx2_vnni:
      return "AVX2 with VNNI";
    case dnnl::cpu_isa::avx512_core:
      return "AVX-512";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "AVX-512 with VNNI";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "AVX-512 with bf16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "AVX-512 with AMX";
    default:
      return "the library's own choice";
  }
}

}  // namespace

KernelPaths kernel_paths() {
  return {hwy::TargetName(hwy::SupportedAndGeneratedTargets().front()), scan_targets().front().name,
          name_of(dnnl::get_effective_cpu_isa()), has_bf16()};
}

}  // namespace tessera
