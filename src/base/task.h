#pragma once
#include <coroutine>
#include <exception>
#include <future>
#include <optional>
#include <utility>

namespace tessera {

/// Work that may wait for something without a thread that waits: a coroutine, which begins when it
/// is awaited, and goes on in the thread that has what it waited for. What its arguments refer to
/// must live until it is done.
///
///     Task<std::string> greeting(Store& store) { co_return "hello " + co_await store.name(); }
///
/// `start` begins one from outside, and `wait` waits for one with this thread.
template <class T>
class [[nodiscard]] Task {
 public:
  struct promise_type {
    /// Whoever awaits the task goes on when it is done.
    struct Done {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(
          std::coroutine_handle<promise_type> task) const noexcept {
        return task.promise().awaiting;
      }
      void await_resume() const noexcept {}
    };
    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    Done final_suspend() const noexcept { return {}; }
    void return_value(T result) { value.emplace(std::move(result)); }
    void unhandled_exception() { error = std::current_exception(); }

    std::optional<T> value;
    std::exception_ptr error;
    std::coroutine_handle<> awaiting;
  };

  Task(Task&& other) noexcept : task_(std::exchange(other.task_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (task_) task_.destroy();
  }

  auto operator co_await() && {
    struct Awaiter {
      std::coroutine_handle<promise_type> task;
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const noexcept {
        task.promise().awaiting = awaiting;
        return task;
      }
      T await_resume() const {
        if (task.promise().error) std::rethrow_exception(task.promise().error);
        return std::move(*task.promise().value);
      }
    };
    return Awaiter{task_};
  }

 private:
  explicit Task(std::coroutine_handle<promise_type> task) : task_(task) {}

  std::coroutine_handle<promise_type> task_;
};

/// What `start` returns: nothing to keep.
struct Started {
  struct promise_type {
    Started get_return_object() const { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const {}
    [[noreturn]] void unhandled_exception() const { std::terminate(); }
  };
};

/// Begins the task in this thread and calls done(its result), perhaps in another one. Neither may
/// throw.
template <class T, class Done>
Started start(Task<T> task, Done done) {
  done(co_await std::move(task));
}

/// Begins the task in this thread; its result, or what it threw, will be there.
template <class T>
std::future<T> begin(Task<T> task) {
  std::promise<T> promise;
  std::future<T> result = promise.get_future();
  [](Task<T> waited, std::promise<T> to) -> Started {
    std::exception_ptr error;
    std::optional<T> value;
    try {
      value.emplace(co_await std::move(waited));
    } catch (...) {
      error = std::current_exception();
    }
    if (error) {
      to.set_exception(error);
    } else {
      to.set_value(std::move(*value));
    }
  }(std::move(task), std::move(promise));
  return result;
}

/// The task's result, with a thread that waits for it; throws what the task threw.
template <class T>
T wait(Task<T> task) {
  return begin(std::move(task)).get();
}

}  // namespace tessera
