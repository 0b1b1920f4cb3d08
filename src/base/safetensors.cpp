#include "base/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/half.h"
#include "base/json_numbers.h"
#include "base/pages.h"
#include "base/stored_rows.h"

namespace tessera {

namespace {

constexpr std::size_t kTooMany = std::numeric_limits<std::size_t>::max();

std::size_t width_of(const std::string& dtype) {
  static const std::map<std::string, std::size_t> widths = {
      {"F64", 8},  {"I64", 8}, {"U64", 8}, {"F32", 4}, {"I32", 4}, {"U32", 4}, {"F16", 2},
      {"BF16", 2}, {"I16", 2}, {"U16", 2}, {"I8", 1},  {"U8", 1},  {"BOOL", 1}};
  const auto found = widths.find(dtype);
  return found == widths.end() ? 0 : found->second;
}

bool is_float(const std::string& dtype) {
  return dtype == "F32" || dtype == "F16" || dtype == "BF16" || dtype == "F64";
}

/// The upper half of a float.
struct BFloat16 {
  std::uint16_t bits;
  explicit operator float() const { return std::bit_cast<float>(std::uint32_t{bits} << 16U); }
};

}  // namespace

std::size_t Tensor::count() const {
  std::size_t count = 1;
  for (const std::size_t extent : shape) count *= extent;
  return count;
}

std::size_t Tensor::byte_count() const { return count() * width_of(dtype); }

namespace {

/// A plain file in memory of its own: what becomes of it later, or while it is read, changes
/// nothing that was read, where a mapped file that is cut short would end the process.
MappedFile read_into_memory(const fs::path& path) {
  const auto why = [] { return std::strerror(errno); };
  // A pipe is not waited for.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) fail("{}: cannot open: {}", path.string(), why());
  const std::shared_ptr<const void> open(nullptr, [file](const void*) { ::close(file); });
  struct stat info{};
  if (::fstat(file, &info) != 0) fail("{}: cannot read: {}", path.string(), why());
  if (!S_ISREG(info.st_mode)) fail("{}: is not a regular file", path.string());
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size == 0) return {};
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("{}: {} bytes of memory: {}", path.string(), size, why());
  const std::shared_ptr<const void> owner(memory, [size](void* p) { ::munmap(p, size); });
  prefer_huge_pages(memory, size);
  auto* bytes = static_cast<char*>(memory);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(file, bytes + done, std::min<std::size_t>(size - done, 1U << 30));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("{}: cannot read: {}", path.string(), why());
    if (got == 0) break;  // it was cut short
    done += static_cast<std::size_t>(got);
  }
  return {{bytes, done}, owner};
}

}  // namespace

SafeTensors SafeTensors::mapped(const fs::path& path) { return {path, map_file(path)}; }

SafeTensors::SafeTensors(const fs::path& path) : SafeTensors(path, read_into_memory(path)) {}

SafeTensors::SafeTensors(fs::path path, MappedFile file)
    : path_(std::move(path)), file_(std::move(file)) {
  const std::string_view content = file_.content;
  const auto damaged = [&](const std::string& what) {
    fail("{}: {}; the file is damaged or not safetensors", path_.string(), what);
  };
  std::uint64_t length = 0;
  if (content.size() < 8) damaged("is cut short");
  std::memcpy(&length, content.data(), 8);
  if (length > content.size() - 8) damaged("its header is cut short");
  const std::string_view body = content.substr(8 + length);
  std::vector<std::pair<std::size_t, std::size_t>> extents;
  try {
    const auto header =
        nlohmann::json::parse(content.begin() + 8, content.begin() + 8 + static_cast<long>(length));
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") {
        metadata_ = entry.get<std::map<std::string, std::string>>();
        continue;
      }
      Tensor tensor;
      tensor.dtype = entry.at("dtype").get<std::string>();
      std::size_t bytes = width_of(tensor.dtype);  // stays at kTooMany once it is beyond any file
      if (bytes == 0) damaged("tensor " + name + " has the unknown type " + tensor.dtype);
      for (const auto& extent : entry.at("shape")) {
        const auto length_of_axis = whole_number(extent);
        tensor.shape.push_back(length_of_axis);
        const bool too_many = length_of_axis != 0 && bytes > kTooMany / length_of_axis;
        bytes = too_many ? kTooMany : bytes * length_of_axis;
      }
      const auto begin = whole_number(entry.at("data_offsets").at(0));
      const auto end = whole_number(entry.at("data_offsets").at(1));
      if (begin > end || end > body.size()) damaged("tensor " + name + " is cut short");
      if (end - begin != bytes) damaged("tensor " + name + " has the wrong size");
      tensor.bytes = std::as_bytes(std::span(body)).subspan(begin, bytes);
      extents.emplace_back(begin, end);
      tensors_.emplace(name, std::move(tensor));
    }
    // The format's rule: the tensors fill the body, without overlaps or holes.
    std::sort(extents.begin(), extents.end());
    std::size_t filled = 0;
    for (const auto& [begin, end] : extents) {
      if (begin != filled) damaged("its tensors overlap or leave holes");
      filled = end;
    }
    if (filled != body.size()) damaged("holds bytes that belong to no tensor");
  } catch (const nlohmann::json::exception&) {
    damaged("its header cannot be read");
  }
}

const Tensor& SafeTensors::at(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) fail("{}: holds no tensor '{}'", path_.string(), name);
  return found->second;
}

Matrix SafeTensors::matrix(const std::string& name, std::size_t rows, std::size_t cols,
                           const RowSelection& selection) const {
  const Tensor& tensor = at(name);
  if (!is_float(tensor.dtype) || tensor.shape.empty() || tensor.shape.size() > 2) {
    fail("{}: tensor '{}' must be a matrix of F32, F16, BF16 or F64", path_.string(), name);
  }
  const std::size_t tensor_rows =
      selection.size(tensor.shape.size() == 2 ? tensor.shape[0] : std::size_t{1});
  if ((rows != 0 && tensor_rows != rows) || (cols != 0 && tensor.shape.back() != cols)) {
    fail("{}: tensor '{}' is {} × {}, but {} × {} is needed", path_.string(), name, tensor_rows,
         tensor.shape.back(), rows, cols);
  }
  Matrix matrix(tensor_rows, tensor.shape.back());
  if (tensor.dtype == "F32") {
    read_rows<float>(tensor.bytes, selection, matrix.view());
  } else if (tensor.dtype == "F16") {
    read_rows<Half>(tensor.bytes, selection, matrix.view());
  } else if (tensor.dtype == "BF16") {
    read_rows<BFloat16>(tensor.bytes, selection, matrix.view());
  } else {
    read_rows<double>(tensor.bytes, selection, matrix.view());
  }
  return matrix;
}

std::vector<std::int64_t> SafeTensors::integers(const std::string& name) const {
  const Tensor& tensor = at(name);
  if (tensor.dtype != "I64") fail("{}: tensor '{}' must be I64", path_.string(), name);
  std::vector<std::int64_t> values(tensor.count());
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

std::span<const std::byte> SafeTensors::raw(const std::string& name, const char* dtype,
                                            std::size_t count, std::size_t width) const {
  const Tensor& tensor = at(name);
  if (tensor.dtype != dtype || tensor.count() != count) {
    fail("{}: tensor '{}' must hold {} values of {}", path_.string(), name, count, dtype);
  }
  if (reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % width != 0) {
    fail("{}: tensor '{}' is not aligned to its {} bytes", path_.string(), name, width);
  }
  return tensor.bytes;
}

std::vector<std::string> SafeTensorsWriter::order(const std::map<std::string, Tensor>& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  // Wide types first, so that every tensor is aligned to its own.
  std::ranges::sort(names, [&](const std::string& a, const std::string& b) {
    const std::size_t width_a = width_of(tensors.at(a).dtype);
    const std::size_t width_b = width_of(tensors.at(b).dtype);
    return width_a != width_b ? width_a > width_b : a < b;
  });
  return names;
}

SafeTensorsWriter::SafeTensorsWriter(const fs::path& path,
                                     const std::map<std::string, Tensor>& tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(path) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  for (const std::string& name : order(tensors)) {
    const Tensor& tensor = tensors.at(name);
    const std::size_t end = offset + tensor.byte_count();
    header[name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  // Tensors of whole cache lines then start at one, in a mapped file too.
  text.resize((8 + text.size() + kAlignment - 1) / kAlignment * kAlignment - 8, ' ');
  const std::uint64_t length = text.size();
  file_.write(std::as_bytes(std::span(&length, 1)));
  file_.write(std::as_bytes(std::span(text)));
  left_ = offset;
}

void SafeTensorsWriter::append(std::span<const std::byte> bytes) {
  if (bytes.size() > left_) throw std::logic_error("SafeTensorsWriter: more bytes than tensors");
  left_ -= bytes.size();
  file_.write(bytes);
}

void SafeTensorsWriter::commit() {
  if (left_ > 0) throw std::logic_error("SafeTensorsWriter: a tensor is cut short");
  file_.commit();
}

void write_safetensors(const fs::path& path, const std::map<std::string, Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  SafeTensorsWriter file(path, tensors, metadata);
  for (const std::string& name : SafeTensorsWriter::order(tensors)) {
    file.append(tensors.at(name).bytes);
  }
  file.commit();
}

Tensor as_tensor(MatrixView<const float> matrix) {
  if (!matrix.dense()) throw std::logic_error("as_tensor: the rows must be dense");
  return {"F32", {matrix.rows, matrix.cols}, std::as_bytes(std::span(matrix.data, matrix.size()))};
}

}  // namespace tessera
