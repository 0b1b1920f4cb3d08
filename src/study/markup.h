#pragma once
#include <string>
#include <string_view>

namespace tessera {

/// `text` for the inside of an HTML element or a quoted attribute: printable on one line, with
/// every character of markup as an entity. Ids, titles and names of folders hold anything.
std::string escaped(std::string_view text);

/// A number as tables show it: fixed decimals, no zero before the point (".5318"), a true minus.
std::string number(double value, int decimals);
/// The same with its sign: "+.0123", "−.0123"; a zero has none.
std::string signed_number(double value, int decimals);
/// A fraction in per cent: "83.3 %".
std::string percent(double fraction, int decimals = 1);
/// Seconds in words: "40 seconds", "12 minutes", "2 hours 5 minutes".
std::string spoken_duration(double seconds);

}  // namespace tessera
