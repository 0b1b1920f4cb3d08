#include "base/parallel.h"

#include <sched.h>

namespace tessera {

void set_threads(int threads) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  const int cpus = CPU_COUNT(&allowed);
  if (threads <= 0) threads = cpus;
  omp_set_num_threads(threads);
  if (threads != cpus || cpus < 2) return;
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

}  // namespace tessera
