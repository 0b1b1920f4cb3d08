#pragma once
// prepare_options.h has a row for each of these: the words it takes and a sentence.
#include "data/prepare.h"

namespace tessera {

/// What is asked of `prepare`, in the words of the command line's options and of Python's keywords.
/// Empty words: the default, which may depend on others.
struct PrepareRequest {
  std::string format = "sequences";  ///< of files: sequences, or one of kFormats
  std::string items_format;          ///< the same for the items file
  std::string delimiter;             ///< of csv: a character or "tab"
  bool no_header = false;
  std::string event_types;  ///< "view=1,purchase=3"
  std::string time_unit;    ///< s | ms | iso
  std::string order;        ///< time | file
  std::string split;        ///< leave-one-out | time
  std::string catalogue;    ///< all | events
  std::string duplicates = "keep";
  std::string cold_by = "seed";  ///< seed | time
  std::size_t k_core = 1;
  PrepareOptions options;  ///< all that needs no words
};

/// Throws UsageError for a word that is none of its option's, and for options that do not go
/// together.
PrepareOptions options_of(const PrepareRequest& request);

}  // namespace tessera
