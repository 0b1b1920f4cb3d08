#pragma once
#include "base/ranks.h"

namespace tessera {

/// Makes this process one of MPI's ranks and says how they work together. To be called once.
extern "C" void tessera_join_mpi(Ranks* ranks);
/// To be called at the end by all of them, with no sum under way. Where one ends without it, mpirun
/// ends the job.
extern "C" void tessera_leave_mpi();

}  // namespace tessera
