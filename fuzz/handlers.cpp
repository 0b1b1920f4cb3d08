// Any request must get an answer that is well formed: bytes → method, target, body → handlers.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/parallel.h"
#include "serve/small_service.h"

namespace {

using tessera::testing::SmallService;

constexpr const char* kMethods[] = {"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"};

}  // namespace

// The first byte chooses the method; the target ends at the first line end, the body is the rest.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static SmallService& small = *[] {
    tessera::work_alone();
    return new SmallService;
  }();
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view target = text.substr(0, end);
  if (target == "/v1/admin/reload") return 0;  // works in another thread
  const std::string_view body = text.substr(std::min(end + 1, text.size()));
  const tessera::Response response =
      small.call(kMethods[data[0] % std::size(kMethods)], target, body);
  const bool known = response.status >= 200 && response.status < 500;
  const bool parses = response.content_type != "application/json" || response.status == 204 ||
                      nlohmann::json::accept(response.body);
  if (!known || !parses) std::abort();
  return 0;
}
