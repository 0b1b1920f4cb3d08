#pragma once
#include <csignal>

namespace tessera {

/// While it lives, signals wait that are sent to the process or to the calling thread, and to
/// threads that it starts meanwhile; those of faults do not. One within another costs nothing.
///
/// oneDNN's products need it: some of their kernels take the stack pointer for a register, or for
/// a stack on the heap, and a handler that ran on such a stack would write over whatever lies below
/// it. So every parallel loop starts its threads under one, and every product runs under one: a
/// Ctrl-C is seen when the product has ended.
class HeldSignals {
 public:
  HeldSignals();
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace tessera
