// What the connections of a store have in common.
#pragma once
#include <pthread.h>
#include <sys/time.h>

#include <chrono>
#include <csignal>

namespace tessera {

inline timeval as_timeval(std::chrono::milliseconds time) {
  return {.tv_sec = time.count() / 1000, .tv_usec = time.count() % 1000 * 1000};
}

/// For a thread whose libraries write to sockets without MSG_NOSIGNAL: one that the other side has
/// closed would end the process.
inline void hold_back_sigpipe() {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
}

}  // namespace tessera
