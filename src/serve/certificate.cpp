#include "serve/certificate.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/error.h"
#include "serve/access.h"

namespace tessera {
namespace {

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Source = std::unique_ptr<BIO, decltype(&BIO_free)>;

Source source_of(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
}

std::string time_of(const ASN1_TIME* time) {
  const Source text(BIO_new(BIO_s_mem()), BIO_free);
  ASN1_TIME_print(text.get(), time);
  std::array<char, 64> buffer{};
  const int size = BIO_read(text.get(), buffer.data(), static_cast<int>(buffer.size()));
  return {buffer.data(), static_cast<std::size_t>(std::max(size, 0))};
}

}  // namespace

void check_certificate(const fs::path& certificate, const fs::path& key) {
  const std::string certificate_text = read_file(certificate), key_text = read_file(key);
  check_secret(key, "the key");
  const Certificate x509(
      PEM_read_bio_X509(source_of(certificate_text).get(), nullptr, nullptr, nullptr), X509_free);
  if (!x509) fail("{}: holds no certificate in PEM form", certificate.string());
  const auto no_passphrase = [](char*, int, int, void*) { return 0; };
  const Key pair(
      PEM_read_bio_PrivateKey(source_of(key_text).get(), nullptr, no_passphrase, nullptr),
      EVP_PKEY_free);
  if (!pair) fail("{}: holds no key in PEM form, or one with a passphrase", key.string());
  if (X509_check_private_key(x509.get(), pair.get()) != 1) {
    fail("{}: is not the key of the certificate {}: give the two that belong together",
         key.string(), certificate.string());
  }
  if (X509_cmp_current_time(X509_get0_notAfter(x509.get())) < 0) {
    fail("{}: the certificate expired on {}: renew it", certificate.string(),
         time_of(X509_get0_notAfter(x509.get())));
  }
  if (X509_cmp_current_time(X509_get0_notBefore(x509.get())) > 0) {
    fail("{}: the certificate is valid from {} on: look at this machine's clock",
         certificate.string(), time_of(X509_get0_notBefore(x509.get())));
  }
}

}  // namespace tessera
