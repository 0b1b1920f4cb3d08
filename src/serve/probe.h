#pragma once
#include "serve/server_options.h"

namespace tessera {

/// Asks the service that listens on this machine as these options say whether it is ready, over
/// HTTP as anybody would. Throws Error if nobody answers within three seconds, or not with 200.
void probe(const ServerOptions& options);

}  // namespace tessera
