#include "base/held_signals.h"

#include <pthread.h>

#include <initializer_list>

namespace tessera {
namespace {

thread_local int lives = 0;

}  // namespace

HeldSignals::HeldSignals() {
  if (lives++ > 0) return;
  sigset_t held;
  sigfillset(&held);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
    sigdelset(&held, fault);
  }
  ::pthread_sigmask(SIG_BLOCK, &held, &before_);
}

HeldSignals::~HeldSignals() {
  if (--lives == 0) ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace tessera
