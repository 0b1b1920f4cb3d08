// The Python module `tessera_rec._engine`: what the package's Python code calls. Each part binds
// one room's functions; nothing is computed here.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "formats/arrow.h"

namespace tessera::python {

namespace nb = nanobind;
using namespace nb::literals;  // NOLINT: "name"_a

using Floats = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

void bind_data(nb::module_& module);
void bind_training(nb::module_& module);
void bind_tuning(nb::module_& module);
void bind_model(nb::module_& module);
void bind_tokens(nb::module_& module);

/// A NumPy array [size] over memory of `owner`, which it keeps alive; nobody can write to it.
template <class T>
nb::ndarray<nb::numpy, const T, nb::ndim<1>> array_view(std::span<const T> values,
                                                        nb::handle owner) {
  return {values.data(), {values.size()}, owner};
}

/// A NumPy array of these extents that takes the values over.
template <class T, class... Extents>
nb::ndarray<nb::numpy, T, nb::ndim<sizeof...(Extents)>> array_of(std::unique_ptr<T[]> values,
                                                                 Extents... extents) {
  T* data = values.release();
  const nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
  return {data, {static_cast<std::size_t>(extents)...}, owner};
}

/// The same of a vector.
template <class T, class... Extents>
nb::ndarray<nb::numpy, T, nb::ndim<sizeof...(Extents)>> array_of(std::vector<T> values,
                                                                 Extents... extents) {
  auto* kept = new std::vector<T>(std::move(values));
  kept->reserve(1);  // an empty array has an address too
  const nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return {kept->data(), {static_cast<std::size_t>(extents)...}, owner};
}

/// Bytes as str; those that are not UTF-8 become surrogate escapes, as in Python's own file names.
nb::str text_of(std::string_view bytes);
/// The bytes of a str, the other way round.
std::string bytes_of(nb::handle text);
nb::list texts_of(std::span<const std::string> all);

/// An id as Python code gives it: a str or a whole number. TypeError that names `what` otherwise.
std::string id_of(nb::handle value, const std::string& what);

/// A table in memory: an Arrow C stream in a PyCapsule, or a list of columns (name, Arrow format,
/// array or list of str and None) of one length, as _tables.py makes them. The object must outlive
/// the table.
std::shared_ptr<Records> table_of(nb::handle table, const std::string& name);

/// True in a child of fork(): OpenMP's other threads do not exist there.
bool in_forked_child();

/// While it lives, parallel work of the calling thread uses this many threads, each on a CPU of its
/// own (0: every CPU allowed); afterwards the thread is as it was. In a forked child it is one.
class UsedThreads {
 public:
  explicit UsedThreads(int threads);
  ~UsedThreads();
  UsedThreads(const UsedThreads&) = delete;
  UsedThreads& operator=(const UsedThreads&) = delete;

 private:
  struct Before;
  std::unique_ptr<Before> before_;
};

/// Python code that C++ calls while it works without the GIL. What the code raises, Ctrl-C
/// included, is kept: the work then ends at its next good place, and `rethrow` raises it.
class Listener {
 public:
  /// Whether something was raised; looks for signals, which only the main thread gets, a few times
  /// a second.
  bool interrupted();
  /// Calls `code`, which may raise, with the GIL.
  template <class Code>
  void call(const Code& code) {
    const nb::gil_scoped_acquire gil;
    if (raised_) return;
    try {
      code();
    } catch (nb::python_error& error) {
      raised_ = std::make_unique<nb::python_error>(std::move(error));
    }
  }
  void stop() { stopped_ = true; }
  void rethrow();

 private:
  std::unique_ptr<nb::python_error> raised_;
  bool stopped_ = false;
  std::chrono::steady_clock::time_point looked_{};
};

}  // namespace tessera::python
