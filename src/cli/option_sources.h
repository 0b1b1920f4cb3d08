#pragma once
#include <CLI/App.hpp>
#include <string>

namespace tessera {

/// Gives options of a command that its command line left out what the environment says, and then
/// what the settings file says ("" is none). An option --max-lines is TESSERA_MAX_LINES there, with
/// commas between several values, and `max-lines = VALUE` here, a line a value; a flag is true or
/// false. Throws UsageError that names the variable, or the file and line, for a value that the
/// option would refuse, and for a name in the file that is no option's.
void read_other_sources(CLI::App& command, const std::string& file);

/// What all options of a command have become, as a settings file, with where it comes from. A
/// password in an address is left out.
std::string settings_text(const CLI::App& command);

}  // namespace tessera
