#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

/// Which field of a file plays a role ("user", "item", "time", …).
struct FieldChoice {
  std::string role;
  std::string field;  ///< "": none
  bool guessed = false;
};

/// The field for `role` among the `names` of `file`: `given` if it is not empty, else a guess by
/// customary names (that a file without a header has the columns user, item, time, or user, item,
/// rating, time is one). `option` is what the user may give. Throws Error that lists the names, and
/// names the nearest, if `given` is none of them, or if `required` and nothing fits.
FieldChoice choose_field(const std::string& file, std::span<const std::string> names,
                         std::string_view role, const std::string& given, std::string_view option,
                         bool required);

/// `given` if it is a name; throws Error as choose_field does if it is not.
const std::string& known_field(const std::string& file, std::span<const std::string> names,
                               const std::string& given, std::string_view option);

}  // namespace tessera
