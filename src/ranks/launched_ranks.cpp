#include "ranks/launched_ranks.h"

#include <dlfcn.h>
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/error.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;
constexpr const char* kComponent = "tessera-mpi.so";

// What mpirun tells the processes that it starts.
const char* launcher_says(const char* name) { return std::getenv(name); }

fs::path find_component() {
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path();
  const fs::path installed = (program / TESSERA_COMPONENTS).lexically_normal();
  for (const fs::path& folder : {program, installed}) {
    if (fs::exists(folder / kComponent)) return folder / kComponent;
  }
  fail(
      "{} is neither beside the program nor in {}: install libopenmpi-dev and build tessera again, "
      "or start it without mpirun",
      kComponent, installed.string());
}

template <class Function>
Function* function_of(void* component, const fs::path& file, const char* name) {
  void* found = dlsym(component, name);
  if (found == nullptr) fail("{}: is of another version: build tessera again", file.string());
  return reinterpret_cast<Function*>(found);
}

}  // namespace

void with_launched_ranks(const std::function<void(const Ranks&)>& body) {
  Ranks ranks;
  if (launcher_says("OMPI_COMM_WORLD_SIZE") == nullptr) return body(ranks);
  const fs::path file = find_component();
  // Never closed: what it gave lives there. Open MPI's own components need its names.
  void* component = dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (component == nullptr) fail("{}: cannot be loaded: {}", file.string(), dlerror());
  auto* join = function_of<void(Ranks*)>(component, file, "tessera_join_mpi");
  auto* leave = function_of<void()>(component, file, "tessera_leave_mpi");
  join(&ranks);
  try {
    body(ranks);
  } catch (const std::exception& error) {
    if (ranks.first()) throw;
    // If rank 0 fails too, it has said so and the launcher ends this rank within a moment.
    std::signal(SIGTERM, SIG_DFL);
    std::this_thread::sleep_for(std::chrono::seconds(5));
    fail("rank {}: {}", ranks.rank, error.what());
  }
  leave();
}

int launched_threads() {
  const char* local = launcher_says("OMPI_COMM_WORLD_LOCAL_SIZE");
  if (local == nullptr) return 0;
  const auto cpus_of = [](pid_t process) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    return sched_getaffinity(process, sizeof(allowed), &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  };
  // The launcher may use them all; it may have bound its ranks to some.
  const int share = cpus_of(getppid()) / std::max(std::atoi(local), 1);
  return std::max(1, std::min(cpus_of(0), share));
}

}  // namespace tessera
