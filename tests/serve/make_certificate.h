#pragma once
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>

namespace tessera::testing {

/// Writes the key, which only its owner can read, as a PEM file and frees it.
inline void write_key(const std::filesystem::path& file, EVP_PKEY* key) {
  std::FILE* stream = std::fopen(file.c_str(), "w");
  PEM_write_PrivateKey(stream, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(stream);
  EVP_PKEY_free(key);
  std::filesystem::permissions(
      file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

/// Writes a key and a certificate for localhost, signed by itself and valid between these seconds
/// from now, as PEM files. `names`: in place of that, such as "IP:127.0.0.1".
inline void write_certificate(const std::filesystem::path& certificate,
                              const std::filesystem::path& key, long from = -3600, long to = 3600,
                              const char* names = nullptr) {
  EVP_PKEY* pair = EVP_EC_gen("P-256");
  X509* x509 = X509_new();
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), from);
  X509_gmtime_adj(X509_getm_notAfter(x509), to);
  X509_set_pubkey(x509, pair);
  X509_NAME* name = X509_get_subject_name(x509);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(x509, name);
  if (names != nullptr) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names);
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
  }
  X509_sign(x509, pair, EVP_sha256());
  std::FILE* file = std::fopen(certificate.c_str(), "w");
  PEM_write_X509(file, x509);
  std::fclose(file);
  X509_free(x509);
  write_key(key, pair);
}

}  // namespace tessera::testing
