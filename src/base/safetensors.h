#pragma once
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/files.h"
#include "base/matrix.h"

namespace tessera {

/// A tensor as the safetensors format stores it. `bytes` is row-major, little-endian.
struct Tensor {
  std::string dtype;  ///< "F32", "F16", "BF16", "I64", "I32", "U8", …
  std::vector<std::size_t> shape;
  std::span<const std::byte> bytes;

  std::size_t count() const;
  /// Of the type and shape, whatever `bytes` holds.
  std::size_t byte_count() const;
};

/// The tensors of one file by name, with the memory they live in. Move only: they look into it.
class SafeTensors {
 public:
  /// Throws Error that names the file, if it is missing, damaged or cut short.
  explicit SafeTensors(const fs::path& path);
  /// As above without reading the tensors: their pages are read as they are touched.
  static SafeTensors mapped(const fs::path& path);
  SafeTensors(SafeTensors&&) = default;
  SafeTensors& operator=(SafeTensors&&) = default;

  bool contains(const std::string& name) const { return tensors_.contains(name); }
  /// Throws Error that names the file and the tensor, if it is missing.
  const Tensor& at(const std::string& name) const;
  /// A copy of a tensor of F32, or of F16, BF16 or F64 converted, as a matrix: one dimension reads
  /// as one row. `rows` and `cols`, if not 0, are what it must have; throws Error otherwise. Of a
  /// selection of its rows `rows` is their number.
  Matrix matrix(const std::string& name, std::size_t rows = 0, std::size_t cols = 0,
                const RowSelection& selection = {}) const;
  std::vector<std::int64_t> integers(const std::string& name) const;
  /// The values of a tensor of `dtype`, `count` of them, where they lie in the file's memory.
  /// Throws Error if it is missing, of another type or size, or not aligned for T.
  template <class T>
  std::span<const T> values(const std::string& name, const char* dtype, std::size_t count) const {
    const std::span<const std::byte> bytes = raw(name, dtype, count, sizeof(T));
    return {reinterpret_cast<const T*>(bytes.data()), count};
  }
  const std::map<std::string, Tensor>& tensors() const { return tensors_; }
  const fs::path& path() const { return path_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  SafeTensors(fs::path path, MappedFile file);
  std::span<const std::byte> raw(const std::string& name, const char* dtype, std::size_t count,
                                 std::size_t width) const;

  fs::path path_;
  MappedFile file_;
  std::map<std::string, Tensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// A file that is written tensor by tensor, in the order of `order`; see FileWriter.
class SafeTensorsWriter {
 public:
  /// Of the tensors the types and shapes count.
  SafeTensorsWriter(const fs::path& path, const std::map<std::string, Tensor>& tensors,
                    const std::map<std::string, std::string>& metadata = {});
  /// The next bytes of the tensor whose turn it is. std::logic_error if they are more than all.
  void append(std::span<const std::byte> bytes);
  /// std::logic_error unless all bytes have been appended.
  void commit();
  static std::vector<std::string> order(const std::map<std::string, Tensor>& tensors);

 private:
  FileWriter file_;
  std::size_t left_ = 0;  // bytes
};

/// Writes the file atomically (see write_file).
void write_safetensors(const fs::path& path, const std::map<std::string, Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// A tensor that looks at a dense float matrix.
Tensor as_tensor(MatrixView<const float> matrix);

}  // namespace tessera
