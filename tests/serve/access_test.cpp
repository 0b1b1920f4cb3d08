#include "serve/access.h"

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

const std::string kRead = "read-0123456789abcdef";
const std::string kWrite = "write-0123456789abcdef";
const std::string kAdmin = "admin-0123456789abcdef";

class TokenFile : public ::testing::Test {
 protected:
  testing::TempDirectory directory;
  const fs::path file = directory.path() / "tokens";

  AccessTokens tokens(const std::string& text, fs::perms permissions = fs::perms::owner_all) const {
    write_file(file, text);
    fs::permissions(file, permissions);
    return AccessTokens(file);
  }
};

TEST(AccessTokens, WithoutAnyEverythingIsAllowed) {
  EXPECT_EQ(AccessTokens().granted(""), Access::admin);
  EXPECT_EQ(AccessTokens().granted("Bearer whatever"), Access::admin);
}

TEST_F(TokenFile, ATokenMayHaveARate) {
  const AccessTokens all = tokens("read " + kRead + " 0.5/s\nwrite " + kWrite + "\n");
  EXPECT_EQ(all.granted("Bearer " + kRead), Access::read);
  RateLimit* limit = all.grant("Bearer " + kRead).limit;
  ASSERT_NE(limit, nullptr);
  EXPECT_FALSE(limit->take().has_value());
  EXPECT_TRUE(limit->take().has_value());
  EXPECT_EQ(all.grant("Bearer " + kWrite).limit, nullptr);
  EXPECT_EQ(all.grant("").limit, nullptr);
  for (const char* wrong : {" 5", " 0/s", " -1/s", " x/s", " 5/s 6/s", " nan/s"}) {
    testing::expect_error([&] { tokens("read " + kRead + wrong + "\n"); }, {"tokens:1", "50/s"});
  }
}

TEST_F(TokenFile, GrantsWhatItsLinesSay) {
  const AccessTokens all =
      tokens("# a comment\n\nread " + kRead + "\nwrite " + kWrite + "\r\nadmin " + kAdmin + "\n");
  EXPECT_EQ(all.granted("Bearer " + kRead), Access::read);
  EXPECT_EQ(all.granted("Bearer " + kWrite), Access::write);
  EXPECT_EQ(all.granted("bearer " + kAdmin), Access::admin);
  for (const std::string& wrong :
       {std::string(), std::string("Bearer "), "Bearer " + kAdmin + "x", "Basic " + kAdmin, kAdmin,
        "Bearer  " + kAdmin, "Bearer " + kAdmin.substr(0, kAdmin.size() - 1)}) {
    EXPECT_EQ(all.granted(wrong), Access::open) << wrong;
  }
}

TEST_F(TokenFile, LeavesReadingOpenWithoutAReadToken) {
  const AccessTokens some = tokens("write " + kWrite + "\n");
  EXPECT_EQ(some.granted(""), Access::read);
  EXPECT_EQ(some.granted("Bearer wrong-0123456789abcdef"), Access::read);
  EXPECT_EQ(some.granted("Bearer " + kWrite), Access::write);
}

TEST_F(TokenFile, IsRefusedWhereItIsWrong) {
  for (const char* line : {"write", "write short", "owner 0123456789abcdef", "0123456789abcdef",
                           "write 0123456789 abcdef", "write \t0123456789abcdef"}) {
    testing::expect_error([&] { tokens("# first\n" + std::string(line) + "\n"); },
                          {file.string() + ":2", "16"});
  }
  testing::expect_error([&] { tokens("# nothing\n"); }, {file.string(), "no token"});
  testing::expect_error(
      [&] { tokens("write " + kWrite, fs::perms::owner_all | fs::perms::others_read); },
      {file.string(), "chmod 600"});
  testing::expect_error([&] { AccessTokens(directory.path() / "none"); }, {"none"});
}

TEST_F(TokenFile, IsRefusedWhereOthersCouldChangeOrReplaceIt) {
  for (const fs::perms open : {fs::perms::others_write, fs::perms::group_write}) {
    testing::expect_error([&] { tokens("write " + kWrite, fs::perms::owner_all | open); },
                          {file.string(), "change", "chmod 600"});
  }
  fs::permissions(directory.path(), fs::perms::others_write, fs::perm_options::add);
  testing::expect_error([&] { tokens("write " + kWrite); },
                        {file.string(), "replace", "chmod o-w"});
  fs::permissions(directory.path(), fs::perms::sticky_bit, fs::perm_options::add);
  EXPECT_EQ(tokens("write " + kWrite).granted("Bearer " + kWrite), Access::write);
}

}  // namespace
}  // namespace tessera
