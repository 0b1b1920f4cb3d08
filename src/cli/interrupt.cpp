#include "cli/interrupt.h"

#include <csignal>

namespace tessera {
namespace {

// A signal handler can reach nothing but a global of this type.
volatile std::sig_atomic_t signalled = 0;

void remember(int signal) {
  signalled = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  std::signal(SIGINT, remember);
  std::signal(SIGTERM, remember);
}

InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool InterruptGuard::interrupted() { return signalled != 0; }

}  // namespace tessera
