#pragma once
#include "base/files.h"

namespace tessera {

/// Throws Error that names the file and what to do unless the PEM files hold a certificate that is
/// valid now and the key that belongs to it, which nobody else can read.
void check_certificate(const fs::path& certificate, const fs::path& key);

}  // namespace tessera
