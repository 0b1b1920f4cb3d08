#pragma once
#include "ranks/ranks.h"

namespace tessera {

/// Calls body with the ranks that a launcher (mpirun) has started this program as, or with a
/// process alone. MPI is loaded only if there is a launcher: the component lies beside the program
/// or, installed, in lib/tessera. An exception of one rank ends the job of all; where all of them
/// fail, only rank 0's is seen. Throws Error if the component is missing or cannot be loaded.
void with_launched_ranks(const std::function<void(const Ranks&)>& body);

/// How many threads a launched process should use where nobody has said: its share of the host's
/// CPUs, or those it is bound to; 0 without a launcher.
int launched_threads();

}  // namespace tessera
