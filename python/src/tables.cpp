#include <array>
#include <deque>

#include "base/error.h"
#include "engine.h"

namespace tessera::python {
namespace {

// Strings as an Arrow array of the type "U" has them.
struct Strings {
  std::vector<std::int64_t> offsets{0};
  std::string bytes;
  std::vector<std::uint8_t> present;  // bits
};

Strings strings_of(nb::handle list, const std::string& where) {
  Strings strings;
  std::size_t row = 0;
  for (const nb::handle value : list) {
    if (row % 8 == 0) strings.present.push_back(0);
    if (!value.is_none()) {
      strings.bytes += id_of(value, where + ": row " + std::to_string(row));
      strings.present.back() |= static_cast<std::uint8_t>(1U << row % 8);
    }
    strings.offsets.push_back(static_cast<std::int64_t>(strings.bytes.size()));
    ++row;
  }
  return strings;
}

// A stream of one batch over columns that lie in Python's memory or in `strings`. Its release frees
// nothing of Python's, so that it needs no GIL.
struct Columns {
  std::deque<std::string> names, formats;
  std::deque<Strings> strings;
  std::deque<std::array<const void*, 3>> buffers;
  std::deque<ArrowSchema> schemas;
  std::deque<ArrowArray> arrays;
  std::vector<ArrowSchema*> schema_pointers;
  std::vector<ArrowArray*> array_pointers;
  const void* no_buffer = nullptr;
  std::int64_t length = 0;
  bool given = false;

  void add(nb::handle column, const std::string& table) {
    names.push_back(bytes_of(column[0]));
    formats.push_back(bytes_of(column[1]));
    const nb::object values = column[2];
    const auto rows = static_cast<std::int64_t>(nb::len(values));
    if (!schemas.empty() && rows != length) {
      fail_usage("{}: column '{}' has {} rows where '{}' has {}; give columns of one length", table,
                 names.back(), rows, names.front(), length);
    }
    length = rows;
    ArrowArray array{};
    array.length = rows;
    if (formats.back() == "U") {
      strings.push_back(strings_of(values, table + ": column '" + names.back() + "'"));
      const Strings& kept = strings.back();
      buffers.push_back({kept.present.data(), kept.offsets.data(), kept.bytes.data()});
      array.null_count = -1;
      array.n_buffers = 3;
    } else {
      const auto given_array =
          nb::cast<nb::ndarray<nb::ro, nb::ndim<1>, nb::c_contig, nb::device::cpu>>(values);
      buffers.push_back({nullptr, given_array.data(), nullptr});
      array.n_buffers = 2;
    }
    array.buffers = buffers.back().data();
    array.release = [](ArrowArray* self) { self->release = nullptr; };
    arrays.push_back(array);
    ArrowSchema schema{};
    schema.format = formats.back().c_str();
    schema.name = names.back().c_str();
    schema.release = [](ArrowSchema* self) { self->release = nullptr; };
    schemas.push_back(schema);
    array_pointers.push_back(&arrays.back());
    schema_pointers.push_back(&schemas.back());
  }
};

ArrowArrayStream stream_of(std::unique_ptr<Columns> columns) {
  ArrowArrayStream stream{};
  stream.get_schema = [](ArrowArrayStream* self, ArrowSchema* out) {
    auto& all = *static_cast<Columns*>(self->private_data);
    *out = {};
    out->format = "+s";
    out->name = "";
    out->n_children = static_cast<std::int64_t>(all.schemas.size());
    out->children = all.schema_pointers.data();
    out->release = [](ArrowSchema* schema) { schema->release = nullptr; };
    return 0;
  };
  stream.get_next = [](ArrowArrayStream* self, ArrowArray* out) {
    auto& all = *static_cast<Columns*>(self->private_data);
    *out = {};
    if (std::exchange(all.given, true)) return 0;
    out->length = all.length;
    out->n_buffers = 1;
    out->buffers = &all.no_buffer;
    out->n_children = static_cast<std::int64_t>(all.arrays.size());
    out->children = all.array_pointers.data();
    out->release = [](ArrowArray* array) { array->release = nullptr; };
    return 0;
  };
  stream.get_last_error = [](ArrowArrayStream*) -> const char* { return nullptr; };
  stream.release = [](ArrowArrayStream* self) {
    delete static_cast<Columns*>(self->private_data);
    self->release = nullptr;
  };
  stream.private_data = columns.release();
  return stream;
}

}  // namespace

std::shared_ptr<Records> table_of(nb::handle table, const std::string& name) {
  if (PyCapsule_CheckExact(table.ptr())) {
    void* stream = PyCapsule_GetPointer(table.ptr(), "arrow_array_stream");
    if (stream == nullptr) throw nb::python_error();
    return std::make_shared<ArrowTable>(name, *static_cast<ArrowArrayStream*>(stream));
  }
  auto columns = std::make_unique<Columns>();
  for (const nb::handle column : table) columns->add(column, name);
  ArrowArrayStream stream = stream_of(std::move(columns));
  return std::make_shared<ArrowTable>(name, stream);
}

}  // namespace tessera::python
