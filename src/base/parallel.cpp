#include "base/parallel.h"

#include <sched.h>

namespace tessera {

namespace {

// What the process was allowed at first: pinning narrows what the calling thread is told later.
const cpu_set_t& allowed_cpus() {
  static const cpu_set_t allowed = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) != 0) CPU_SET(0, &set);
    return set;
  }();
  return allowed;
}

}  // namespace

void set_threads(int threads) {
  const cpu_set_t& allowed = allowed_cpus();
  const int cpus = CPU_COUNT(&allowed);
  if (threads <= 0) threads = cpus;
  omp_set_num_threads(threads);
  if (threads != cpus || cpus < 2) return;
  const HeldSignals held;
#pragma omp parallel num_threads(threads)
  {
    int skip = omp_get_thread_num();
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &allowed) || skip-- > 0) continue;
      cpu_set_t own;
      CPU_ZERO(&own);
      CPU_SET(cpu, &own);
      sched_setaffinity(0, sizeof(own), &own);
      break;
    }
  }
}

void work_alone() {
  omp_set_num_threads(1);
  sched_setaffinity(0, sizeof(cpu_set_t), &allowed_cpus());
}

}  // namespace tessera
