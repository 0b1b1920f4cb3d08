// The component that knows MPI: loaded when a launcher has started the program, and not needed
// otherwise.
#include "ranks/mpi/mpi_ranks.h"

#include <mpi.h>

#include <algorithm>
#include <vector>

namespace tessera {
namespace {

// MPI counts by int.
constexpr std::size_t kLargest = 1U << 30;

template <class Body>
void in_pieces(std::size_t size, const Body& body) {
  for (std::size_t at = 0; at < size; at += kLargest) {
    body(at, static_cast<int>(std::min(kLargest, size - at)));
  }
}

template <class T>
void add_up(std::span<T> values, MPI_Datatype type) {
  in_pieces(values.size(), [&](std::size_t at, int count) {
    MPI_Allreduce(MPI_IN_PLACE, values.data() + at, count, type, MPI_SUM, MPI_COMM_WORLD);
  });
}

void broadcast_bytes(std::span<std::byte> bytes) {
  in_pieces(bytes.size(), [&](std::size_t at, int count) {
    MPI_Bcast(bytes.data() + at, count, MPI_BYTE, 0, MPI_COMM_WORLD);
  });
}

void all_to_all(std::size_t rank, std::size_t size, Ranks::Out out, Ranks::In in) {
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

std::size_t number_of(int (*ask)(MPI_Comm, int*)) {
  int number = 0;
  ask(MPI_COMM_WORLD, &number);
  return static_cast<std::size_t>(number);
}

}  // namespace

// Errors of MPI end the job: its default.
extern "C" void tessera_join_mpi(Ranks* ranks) {
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
  ranks->rank = number_of(MPI_Comm_rank);
  ranks->size = number_of(MPI_Comm_size);
  ranks->links.add_floats = [](std::span<float> values) { add_up(values, MPI_FLOAT); };
  ranks->links.add_doubles = [](std::span<double> values) { add_up(values, MPI_DOUBLE); };
  ranks->links.broadcast = broadcast_bytes;
  ranks->links.all_to_all = [rank = ranks->rank, size = ranks->size](Ranks::Out out, Ranks::In in) {
    all_to_all(rank, size, out, in);
  };
}

extern "C" void tessera_leave_mpi() { MPI_Finalize(); }

}  // namespace tessera
