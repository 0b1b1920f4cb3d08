#pragma once
#include <functional>
#include <variant>

#include "data/prepare_request.h"

namespace tessera {

/// Where an option's value lies in a request.
using OptionValue =
    std::variant<std::string*, fs::path*, std::vector<fs::path>*, bool*, std::size_t*, double*,
                 std::optional<double>*, std::optional<std::string>*>;

/// One option of `prepare`: a row of the table that the command line's options and Python's
/// keywords come from.
struct PrepareOption {
  std::string name;   ///< as after the dashes of the command line
  const char* group;  ///< under which --help lists it; "": the others
  std::function<OptionValue(PrepareRequest&)> value;
  std::vector<std::string> choices;  ///< words that it takes; none: any
  double least = 0;                  ///< of a number, or of a text's length
  double most = 0;                   ///< of a number; 0: as large as an item number
  const char* help = "";

  /// As a keyword of Python.
  std::string keyword() const;
};
const std::vector<PrepareOption>& prepare_options();

}  // namespace tessera
