#pragma once
#include <string>
#include <string_view>

namespace tessera {

/// A Python literal (dict, list, tuple, str, numbers, None, True, False), as repr() prints it, as
/// JSON; false if it is none. Strings may have either quote and the escapes of Python 2 and 3.
/// What JSON would refuse beyond that is left for its parser to find.
bool python_to_json(std::string_view literal, std::string& json);

}  // namespace tessera
