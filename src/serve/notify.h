#pragma once
#include <string_view>

namespace tessera {

/// Tells whoever started the process and waits for it how it stands, as sd_notify(3) does:
/// "READY=1", "STOPPING=1". Without NOTIFY_SOCKET in the environment nobody waits, and nothing is
/// sent.
void notify_starter(std::string_view state);

}  // namespace tessera
