#include "base/npy.h"

#include <charconv>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/stored_rows.h"

namespace tessera {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct Header {
  std::string type;  // such as "<f4"
  std::vector<std::size_t> shape;
  std::string_view body;
};

std::string_view after(std::string_view text, std::string_view key) {
  const auto at = text.find(key);
  return at == std::string_view::npos ? std::string_view{} : text.substr(at + key.size());
}

/// Format: numpy.org, "NPY format", versions 1 to 3.
Header parse(std::string_view content, const fs::path& path) {
  const auto bad = [&](const char* what) {
    fail("{}: {}; write it with numpy.save from a C-ordered array", path.string(), what);
  };
  if (!content.starts_with(kMagic) || content.size() < 12) bad("is not a .npy file");
  const bool wide = content[6] >= 2;
  std::uint32_t length = 0;
  std::memcpy(&length, content.data() + 8, wide ? 4 : 2);
  const std::size_t start = wide ? 12 : 10;
  if (content.size() < start + length) bad("is cut short");
  const std::string_view text = content.substr(start, length);
  Header header;
  std::string_view type = after(text, "'descr': '");
  header.type = type.substr(0, type.find('\''));
  if (after(text, "'fortran_order': ").starts_with("True")) bad("is in Fortran order");
  std::string_view shape = after(text, "'shape': (");
  shape = shape.substr(0, shape.find(')'));
  std::size_t count = 1;
  while (!shape.empty()) {
    std::size_t value = 0;
    const auto [end, code] = std::from_chars(shape.data(), shape.data() + shape.size(), value);
    if (code != std::errc{}) bad("has a damaged shape");
    header.shape.push_back(value);
    if (value != 0 && count > (std::size_t{1} << 48) / value) bad("has an impossible shape");
    count *= value;
    shape.remove_prefix(static_cast<std::size_t>(end - shape.data()));
    while (shape.starts_with(',') || shape.starts_with(' ')) shape.remove_prefix(1);
  }
  header.body = content.substr(start + length);
  if (header.type.size() < 3) bad("has a damaged header");
  const std::size_t width = static_cast<std::size_t>(header.type[2] - '0');
  if (header.body.size() < count * width) bad("is cut short");
  return header;
}

// Rows are read where they lie, but for what has to be expanded first.
MappedFile open_npy(const fs::path& path) {
  if (fs::is_regular_file(path)) {
    MappedFile file = map_file(path);
    if (file.content.starts_with(kMagic)) return file;
  }
  const auto content = std::make_shared<const std::string>(read_file(path));
  return {*content, content};
}

std::string head_of(const char* type, const std::string& shape) {
  std::string dict =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", type, shape);
  dict.resize((10 + dict.size() + 1 + 63) / 64 * 64 - 10 - 1, ' ');
  dict += '\n';
  std::string head("\x93NUMPY\x01\x00", 8);
  head += static_cast<char>(dict.size() & 0xff);
  head += static_cast<char>(dict.size() >> 8);
  head += dict;
  return head;
}

void write(const fs::path& path, const char* type, const std::string& shape,
           std::span<const std::byte> body) {
  const std::string head = head_of(type, shape);
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(head)), body};
  write_file(path, parts);
}

// One or two dimensions of floats.
void check_matrix(const Header& header, const fs::path& path) {
  if (header.shape.empty() || header.shape.size() > 2)
    fail("{}: has {} dimensions, 2 are needed", path.string(), header.shape.size());
  if (header.type != "<f8" && header.type != "<f4")
    fail("{}: holds {}, float32 is needed; save array.astype('float32')", path.string(),
         header.type);
}

template <class T>
std::vector<T> read_integers(const fs::path& path) {
  const std::string content = read_file(path);
  const Header header = parse(content, path);
  const char* type = sizeof(T) == 4 ? "<i4" : "<i8";
  if (header.type != type || header.shape.size() != 1)
    fail("{}: must hold one dimension of {}", path.string(), type);
  std::vector<T> values(header.shape[0]);
  read_rows<T>(std::as_bytes(std::span(header.body)), {},
               MatrixView(values.data(), 1, values.size()));
  return values;
}

}  // namespace

NpyShape read_npy_shape(const fs::path& path) {
  const MappedFile file = open_npy(path);
  const Header header = parse(file.content, path);
  check_matrix(header, path);
  return {header.shape[0], header.shape.size() == 2 ? header.shape[1] : 1};
}

IntMatrix read_npy_codes(const fs::path& path) {
  const MappedFile file = open_npy(path);
  const Header header = parse(file.content, path);
  if (header.shape.size() != 2 || (header.type != "<i4" && header.type != "<i8")) {
    fail("{}: must hold two dimensions of int32 or int64", path.string());
  }
  IntMatrix matrix{header.shape[0], header.shape[1], {}};
  std::vector<std::int64_t> wide(matrix.rows * matrix.cols);
  const MatrixView<std::int64_t> all(wide.data(), 1, wide.size());
  const auto body = std::as_bytes(std::span(header.body));
  header.type == "<i4" ? read_rows<std::int32_t>(body, {}, all)
                       : read_rows<std::int64_t>(body, {}, all);
  for (const std::int64_t value : wide) {
    if (!std::in_range<std::int32_t>(value)) {
      fail("{}: holds {}, which is beyond 32 bits", path.string(), value);
    }
    matrix.values.push_back(static_cast<std::int32_t>(value));
  }
  return matrix;
}

void write_npy(const fs::path& path, const IntMatrix& matrix) {
  write(path, "<i4", fmt::format("{}, {}", matrix.rows, matrix.cols),
        std::as_bytes(std::span(matrix.values)));
}

Matrix read_npy(const fs::path& path, const RowSelection& rows) {
  const MappedFile file = open_npy(path);
  const Header header = parse(file.content, path);
  check_matrix(header, path);
  const bool wide = header.type == "<f8";
  const std::size_t cols = header.shape.size() == 2 ? header.shape[1] : 1;
  Matrix matrix(rows.size(header.shape[0]), cols);
  const auto body = std::as_bytes(std::span(header.body));
  wide ? read_rows<double>(body, rows, matrix.view()) : read_rows<float>(body, rows, matrix.view());
  return matrix;
}

void write_npy(const fs::path& path, MatrixView<const float> matrix) {
  NpyWriter file(path, matrix.rows, matrix.cols);
  file.append(matrix);
  file.commit();
}

NpyWriter::NpyWriter(const fs::path& path, std::size_t rows, std::size_t cols)
    : file_(path), rows_left_(rows), cols_(cols) {
  const std::string head = head_of("<f4", fmt::format("{}, {}", rows, cols));
  file_.write(std::as_bytes(std::span(head)));
}

void NpyWriter::append(MatrixView<const float> rows) {
  if (!rows.dense() || rows.cols != cols_ || rows.rows > rows_left_) {
    throw std::logic_error("NpyWriter: rows must be dense, of the file's width, and not too many");
  }
  rows_left_ -= rows.rows;
  file_.write(std::as_bytes(std::span(rows.data, rows.size())));
}

void NpyWriter::commit() {
  if (rows_left_ != 0) throw std::logic_error("NpyWriter: rows are missing");
  file_.commit();
}

std::vector<std::int32_t> read_npy_i32(const fs::path& path) {
  return read_integers<std::int32_t>(path);
}
std::vector<std::int64_t> read_npy_i64(const fs::path& path) {
  return read_integers<std::int64_t>(path);
}
void write_npy(const fs::path& path, std::span<const std::int32_t> values) {
  write(path, "<i4", fmt::format("{},", values.size()), std::as_bytes(values));
}
void write_npy(const fs::path& path, std::span<const std::int64_t> values) {
  write(path, "<i8", fmt::format("{},", values.size()), std::as_bytes(values));
}

}  // namespace tessera
