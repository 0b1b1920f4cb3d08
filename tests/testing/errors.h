#pragma once
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tessera::testing {

/// Expects that body() throws `Expected` (or what derives from it) in one line that holds every
/// part.
template <class Expected = Error, class Body>
void expect_error(const Body& body, std::initializer_list<std::string_view> parts) {
  try {
    body();
    ADD_FAILURE() << "nothing was thrown; expected an error about " << *parts.begin();
  } catch (const Expected& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    for (const std::string_view part : parts) {
      EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' is not in: " << message;
    }
  }
}

}  // namespace tessera::testing
