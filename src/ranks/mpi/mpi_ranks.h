#pragma once
#include "ranks/ranks.h"

namespace tessera {

/// Makes this process one of MPI's ranks and says how they work together. To be called once.
/// tessera_leave_mpi is called at the end by all of them; where one ends without it, mpirun ends
/// the job.
extern "C" void tessera_join_mpi(Ranks* ranks);
extern "C" void tessera_leave_mpi();

}  // namespace tessera
