#pragma once
#include <optional>

#include "data/prepare.h"

namespace tessera {

// prepare_options.h has a row for each of these: the words it takes and a sentence.

/// What is asked of `prepare`, in the words of the command line's options and of Python's keywords.
/// Empty words: the default, which may depend on others.
struct PrepareRequest {
  /// Of files: sequences | csv | tsv | jsonl | amazon | recbole | netflix. Empty: sequences, and a
  /// file that looks like another format is refused.
  std::string format;
  std::string items_format;  ///< the same for the items file
  /// How CSV is written, of the log and of the items file; empty: as its first lines suggest.
  struct Csv {
    std::string delimiter;  ///< a text, "tab" or "blanks"
    std::string quoting;    ///< none | csv | backslash
    std::string encoding;   ///< of any format
    bool header = false, no_header = false;
  };
  Csv csv, items_csv;
  std::string event_types;             ///< "view=1,purchase=3"
  std::string time_unit;               ///< s | ms | us | ns | iso | dmy | mdy
  std::string time_format;             ///< of strptime
  std::optional<std::string> missing;  ///< "NA,NULL"; none: the customary words
  std::string max_errors;              ///< "5" or "1%"
  std::string order;                   ///< time | file
  std::string split;                   ///< leave-one-out | time | given
  std::string validation_from, test_from;
  std::string catalogue;  ///< all | events
  std::string duplicates = "keep";
  std::string cold_by;  ///< seed | time
  std::size_t k_core = 1;
  PrepareOptions options;  ///< all that needs no words
};

/// Throws UsageError for a word that is none of its option's, and for options that do not go
/// together.
PrepareOptions options_of(const PrepareRequest& request);

}  // namespace tessera
