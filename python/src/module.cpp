#include <omp.h>

#include <sched.h>
#include <unistd.h>

#include <chrono>

#include "base/error.h"
#include "base/parallel.h"
#include "engine.h"

namespace tessera::python {
namespace {

// Options in messages are named as the command line has them; here they are keywords.
std::string with_keywords(std::string_view message) {
  const auto small = [](char c) { return c >= 'a' && c <= 'z'; };
  std::string text;
  for (std::size_t at = 0; at < message.size();) {
    const bool option = message.substr(at, 2) == "--" && at + 2 < message.size() &&
                        small(message[at + 2]) &&
                        (at == 0 || message[at - 1] == ' ' || message[at - 1] == '(');
    if (!option) {
      text += message[at++];
      continue;
    }
    for (at += 2; at < message.size() && (small(message[at]) || message[at] == '-'); ++at) {
      text += message[at] == '-' ? '_' : message[at];
    }
  }
  return text;
}

void raise(const char* name, const char* message) {
  const nb::object type = nb::module_::import_("tessera_rec._errors").attr(name);
  PyErr_SetObject(type.ptr(), text_of(with_keywords(message)).ptr());
}

// The engine's errors become those of the package.
void translate_errors() {
  nb::register_exception_translator([](const std::exception_ptr& pointer, void*) {
    try {
      std::rethrow_exception(pointer);
    } catch (const UsageError& e) {
      raise("UsageError", e.what());
    } catch (const Error& e) {
      raise("Error", e.what());
    }
  });
}

}  // namespace

nb::str text_of(std::string_view bytes) {
  PyObject* text =
      PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "surrogateescape");
  if (text == nullptr) throw nb::python_error();
  return nb::steal<nb::str>(text);
}

std::string bytes_of(nb::handle text) {
  Py_ssize_t size = 0;
  if (const char* utf8 = PyUnicode_AsUTF8AndSize(text.ptr(), &size)) {
    return {utf8, static_cast<std::size_t>(size)};
  }
  PyErr_Clear();  // it holds surrogates
  const nb::object bytes =
      nb::steal(PyUnicode_AsEncodedString(text.ptr(), "utf-8", "surrogateescape"));
  if (!bytes.is_valid()) throw nb::python_error();
  return {PyBytes_AsString(bytes.ptr()), static_cast<std::size_t>(PyBytes_Size(bytes.ptr()))};
}

nb::list texts_of(std::span<const std::string> all) {
  nb::list texts;
  for (const std::string& text : all) texts.append(text_of(text));
  return texts;
}

std::string id_of(nb::handle value, const std::string& what) {
  if (PyUnicode_Check(value.ptr())) return bytes_of(value);
  if (!PyBool_Check(value.ptr()) && PyIndex_Check(value.ptr())) {
    const nb::object whole = nb::steal(PyNumber_Index(value.ptr()));
    if (!whole.is_valid()) throw nb::python_error();
    return nb::cast<std::string>(nb::str(whole));
  }
  const std::string type = nb::cast<std::string>(value.type().attr("__name__"));
  throw nb::type_error((what + " is of type " + type + ": give ids as str or int").c_str());
}

bool in_forked_child() {
  static const pid_t loaded_in = getpid();
  return getpid() != loaded_in;
}

struct UsedThreads::Before {
  cpu_set_t cpus;
  int threads;
};

UsedThreads::UsedThreads(int threads) : before_(std::make_unique<Before>()) {
  if (threads < 0 || threads > 1024) {
    fail_usage("threads = {}: it must be from 0 (every CPU allowed) to 1024", threads);
  }
  sched_getaffinity(0, sizeof(cpu_set_t), &before_->cpus);
  before_->threads = thread_count();
  if (in_forked_child()) {
    work_alone();
  } else {
    set_threads(threads);
  }
}

UsedThreads::~UsedThreads() {
  omp_set_num_threads(before_->threads);
  sched_setaffinity(0, sizeof(cpu_set_t), &before_->cpus);
}

bool Listener::interrupted() {
  if (raised_ || stopped_) return true;
  const auto now = std::chrono::steady_clock::now();
  if (now - looked_ < std::chrono::milliseconds(50)) return false;
  looked_ = now;
  call([] {
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
  });
  return raised_ != nullptr;
}

void Listener::rethrow() {
  if (raised_) throw nb::python_error(std::move(*raised_));
}

}  // namespace tessera::python

NB_MODULE(_engine, module) {
  using namespace tessera::python;  // NOLINT: one scope
  module.doc() = "The engine behind the package tessera_rec; use the package.";
  in_forked_child();  // notes which process loaded it
  translate_errors();
  module.def("work_alone", tessera::work_alone,
             "The calling thread's work uses no other thread from now on.");
  bind_data(module);
  bind_training(module);
  bind_tuning(module);
  bind_model(module);
  bind_tokens(module);
}
