// A file of vectors in JSON lines that holds anything is read or refused with an Error; what is
// read is finite.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "data/vectors.h"
#include "testing/temp_directory.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const tessera::testing::TempDirectory& directory = *new tessera::testing::TempDirectory;
  static const std::vector<tessera::CatalogueItem> items = {{"1", "", ""}, {"b", "", ""}};
  const tessera::fs::path file = directory.path() / "vectors.jsonl";
  // Without the care of write_file, which waits for the disk.
  std::FILE* stream = std::fopen(file.c_str(), "wb");
  std::fwrite(data, 1, size, stream);
  std::fclose(stream);
  try {
    const tessera::ItemVectors vectors = tessera::read_jsonl_vectors(file, items);
    const bool finite =
        std::ranges::all_of(vectors.rows.span(), [](float x) { return std::isfinite(x); });
    if (vectors.rows.rows() != items.size() || !finite) std::abort();
  } catch (const tessera::Error&) {  // refused in a sentence
  }
  return 0;
}
