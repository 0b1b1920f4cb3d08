#pragma once

namespace tessera {

/// While it lives, Ctrl-C and SIGTERM are remembered in place of ending the process; a second one
/// ends it at once.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  /// Whether one was received.
  static bool interrupted();
};

}  // namespace tessera
