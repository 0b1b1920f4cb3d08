#pragma once
#include "base/folders.h"

namespace tessera {

/// Makes the directory for its owner alone, since it will hold others' histories; or takes one that
/// check_folder lets have. Throws Error.
void make_private_folder(const fs::path& directory, Folder kind);
/// Takes from all but the owner what they may do with the directory and the files in it, which
/// older versions left readable. Throws Error.
void close_to_others(const fs::path& directory);

}  // namespace tessera
