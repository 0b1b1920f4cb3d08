#pragma once
#include <CLI/App.hpp>

namespace tessera {

/// Parses the command line, which runs the commands, and gives the exit code of the process: 0
/// done, 1 failed, 2 wrong usage. What went wrong is one line on standard error that begins with
/// the name of the program and the command.
int run_program(CLI::App& app, int argc, char** argv);

}  // namespace tessera
