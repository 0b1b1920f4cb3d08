#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "formats/records.h"

namespace tessera {

/// Which field of a file plays a role ("user", "item", "time", …).
struct FieldChoice {
  std::string role;
  std::string field;  ///< "": none
  bool guessed = false;
};

/// Chooses fields of a file one after the other; none plays two roles.
class FieldChooser {
 public:
  explicit FieldChooser(Records& records);

  /// The field for `role`: `given` if it is not empty, else a guess by customary names among those
  /// that no other role has; of a file without names by place, where what the columns hold fits:
  /// the first that looks like times is the time, the other ones user, item and rating. `option` is
  /// what the user may give. Throws Error that lists the names, and names the nearest, if `given`
  /// is none of them or has another role, or if `required` and nothing fits.
  FieldChoice choose(std::string_view role, const std::string& given, std::string_view option,
                     bool required);
  /// A field that is not to be guessed for another role.
  void take(const std::string& field);
  /// `given` if it is a name; throws Error as `choose` does if it is not.
  const std::string& known(const std::string& given, std::string_view option) const;

 private:
  std::string guess(std::string_view role) const;
  std::string guess_by_place(std::string_view role) const;
  std::string guess_by_name(std::string_view role) const;
  std::string only_other_id() const;
  bool is_free(const std::string& field) const;
  std::string listed() const;

  Records& records_;
  std::vector<std::string> taken_;
  std::string time_;  // of a file without names
};

}  // namespace tessera
