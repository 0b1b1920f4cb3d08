#include "serve/certificate.h"

#include <gtest/gtest.h>
#include <openssl/rsa.h>

#include "serve/make_certificate.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

class CertificateFiles : public ::testing::Test {
 protected:
  testing::TempDirectory directory;
  const fs::path certificate = directory.path() / "cert.pem", key = directory.path() / "key.pem";
};

TEST_F(CertificateFiles, ThatBelongTogetherAreTaken) {
  testing::write_certificate(certificate, key);
  check_certificate(certificate, key);
}

TEST_F(CertificateFiles, ThatDoNotBelongTogetherAreRefused) {
  const fs::path other = directory.path() / "other.pem", rsa = directory.path() / "rsa.pem";
  testing::write_certificate(certificate, key);
  testing::write_certificate(other, other);
  testing::write_certificate(certificate, key);
  testing::write_key(rsa, EVP_RSA_gen(2048));
  testing::write_key(other, EVP_EC_gen("P-256"));
  for (const fs::path& wrong : {rsa, other}) {  // of another kind, and of the same
    testing::expect_error([&] { check_certificate(certificate, wrong); },
                          {wrong.string(), "not the key", certificate.string()});
  }
}

TEST_F(CertificateFiles, ThatAreNotValidNowAreRefused) {
  testing::write_certificate(certificate, key, -7200, -3600);
  testing::expect_error([&] { check_certificate(certificate, key); },
                        {certificate.string(), "expired", "renew"});
  testing::write_certificate(certificate, key, 3600, 7200);
  testing::expect_error([&] { check_certificate(certificate, key); },
                        {certificate.string(), "clock"});
}

TEST_F(CertificateFiles, WhoseKeyOthersCanReadAreRefused) {
  testing::write_certificate(certificate, key);
  fs::permissions(key, fs::perms::others_read, fs::perm_options::add);
  testing::expect_error([&] { check_certificate(certificate, key); },
                        {key.string(), "read the key", "chmod 600"});
}

TEST_F(CertificateFiles, ThatHoldSomethingElseAreRefused) {
  testing::write_certificate(certificate, key);
  testing::expect_error([&] { check_certificate(key, key); }, {key.string(), "no certificate"});
  const fs::path text = directory.path() / "text";
  write_file(text, "text");
  fs::permissions(text, fs::perms::owner_all);
  testing::expect_error([&] { check_certificate(certificate, text); }, {text.string(), "no key"});
  testing::expect_error([&] { check_certificate(certificate, directory.path() / "none"); },
                        {"none"});
}

}  // namespace
}  // namespace tessera
