// The component that knows MPI: loaded when a launcher has started the program, and not needed
// otherwise.
#include "mpi/mpi_ranks.h"

#include <mpi.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace tessera {
namespace {

// MPI counts by int.
constexpr std::size_t kLargest = 1U << 30;
// Open MPI moves bytes only while it is called. This often while sums are under way.
constexpr std::chrono::microseconds kPoll(200);

template <class Body>
void in_pieces(std::size_t size, const Body& body) {
  for (std::size_t at = 0; at < size; at += kLargest) {
    body(at, static_cast<int>(std::min(kLargest, size - at)));
  }
}

// One call of MPI at a time: those of the work, or of the thread that polls for it. Errors of MPI
// end the job: its default.
class MpiRanks {
 public:
  MpiRanks() : poller_([this](const std::stop_token& stop) { poll(stop); }) {}

  template <class T>
  void add_up(std::span<T> values, MPI_Datatype type) {
    const std::scoped_lock lock(calls_);
    in_pieces(values.size(), [&](std::size_t at, int count) {
      MPI_Allreduce(MPI_IN_PLACE, values.data() + at, count, type, MPI_SUM, MPI_COMM_WORLD);
    });
  }

  void start_add_up(std::span<float> values) {
    {
      const std::scoped_lock lock(calls_);
      in_pieces(values.size(), [&](std::size_t at, int count) {
        MPI_Iallreduce(MPI_IN_PLACE, values.data() + at, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD,
                       &sums_.emplace_back());
      });
    }
    started_.notify_one();
  }

  void finish() {
    const std::scoped_lock lock(calls_);
    MPI_Waitall(static_cast<int>(sums_.size()), sums_.data(), MPI_STATUSES_IGNORE);
    sums_.clear();
  }

  void broadcast(std::span<std::byte> bytes) {
    const std::scoped_lock lock(calls_);
    in_pieces(bytes.size(), [&](std::size_t at, int count) {
      MPI_Bcast(bytes.data() + at, count, MPI_BYTE, 0, MPI_COMM_WORLD);
    });
  }

  void exchange(std::size_t rank, std::size_t size, Ranks::Out out, Ranks::In in) {
    const std::scoped_lock lock(calls_);
    std::vector<MPI_Request> requests;
    // Starting with the next rank, so that not all send to one at first.
    for (std::size_t i = 1; i < size; ++i) {
      const std::size_t from = (rank + size - i) % size;
      in_pieces(in[from].size(), [&](std::size_t at, int count) {
        MPI_Irecv(in[from].data() + at, count, MPI_BYTE, static_cast<int>(from), 0, MPI_COMM_WORLD,
                  &requests.emplace_back());
      });
    }
    for (std::size_t i = 1; i < size; ++i) {
      const std::size_t to = (rank + i) % size;
      in_pieces(out[to].size(), [&](std::size_t at, int count) {
        MPI_Isend(out[to].data() + at, count, MPI_BYTE, static_cast<int>(to), 0, MPI_COMM_WORLD,
                  &requests.emplace_back());
      });
    }
    std::ranges::copy(out[rank], in[rank].begin());
    MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
  }

 private:
  void poll(const std::stop_token& stop) {
    std::unique_lock lock(calls_);
    while (started_.wait(lock, stop, [this] { return !sums_.empty(); })) {
      int done = 0;
      MPI_Testall(static_cast<int>(sums_.size()), sums_.data(), &done, MPI_STATUSES_IGNORE);
      if (done != 0) sums_.clear();
      lock.unlock();
      std::this_thread::sleep_for(kPoll);
      lock.lock();
    }
  }

  std::mutex calls_;
  std::condition_variable_any started_;
  std::vector<MPI_Request> sums_;  // under way
  std::jthread poller_;            // last: it uses the others
};

std::size_t number_of(int (*ask)(MPI_Comm, int*)) {
  int number = 0;
  ask(MPI_COMM_WORLD, &number);
  return static_cast<std::size_t>(number);
}

}  // namespace

extern "C" void tessera_join_mpi(Ranks* ranks) {
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
  if (provided < MPI_THREAD_SERIALIZED) MPI_Abort(MPI_COMM_WORLD, 1);
  ranks->rank = number_of(MPI_Comm_rank);
  ranks->size = number_of(MPI_Comm_size);
  const auto mpi = std::make_shared<MpiRanks>();
  ranks->add_up = [mpi](std::span<float> values) { mpi->add_up(values, MPI_FLOAT); };
  ranks->add_up_doubles = [mpi](std::span<double> values) { mpi->add_up(values, MPI_DOUBLE); };
  ranks->start_add_up = [mpi](std::span<float> values) { mpi->start_add_up(values); };
  ranks->finish = [mpi] { mpi->finish(); };
  ranks->broadcast = [mpi](std::span<std::byte> bytes) { mpi->broadcast(bytes); };
  ranks->exchange = [mpi, rank = ranks->rank, size = ranks->size](Ranks::Out out, Ranks::In in) {
    mpi->exchange(rank, size, out, in);
  };
}

extern "C" void tessera_leave_mpi() { MPI_Finalize(); }

}  // namespace tessera
