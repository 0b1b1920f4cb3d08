#pragma once
#include <string_view>

#include "serve/routes.h"

namespace tessera {

/// A body that the route takes, as JSON, over a catalogue that has the items 1 to 16; "" where it
/// takes none.
std::string_view example_of(const Route& route);

}  // namespace tessera
