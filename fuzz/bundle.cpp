// A bundle whose files hold anything is either read or refused with an Error. The first byte
// chooses the file, the rest is its content; or, with the highest bit set, what stands at a place
// in it.
#include <cstdint>

#include "base/error.h"
#include "base/parallel.h"
#include "serve/small_service.h"

namespace {

using tessera::fs::path;

struct Bundle {
  tessera::testing::TempDirectory directory;
  const path files[3] = {directory.path() / "config.json", directory.path() / "items.jsonl",
                         directory.path() / "model.safetensors"};
  std::string contents[3];

  Bundle() {
    tessera::work_alone();
    tessera::testing::write_small_bundle(directory.path());
    for (int i = 0; i < 3; ++i) contents[i] = tessera::read_file(files[i]);
  }
};

// Without the care of write_file, which waits for the disk.
void overwrite(const path& file, const std::string& content) {
  std::FILE* stream = std::fopen(file.c_str(), "wb");
  std::fwrite(content.data(), 1, content.size(), stream);
  std::fclose(stream);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Bundle& bundle = *new Bundle;
  if (size < 3) return 0;
  const std::size_t which = (data[0] & 0x7F) % 3;
  std::string content(reinterpret_cast<const char*>(data + 1), size - 1);
  if ((data[0] & 0x80) != 0) {
    const std::size_t place = data[1] * 256U + data[2];
    std::string whole = bundle.contents[which];
    const std::string patch = content.substr(2);
    if (place < whole.size()) whole.replace(place, patch.size(), patch);
    content = whole;
  }
  overwrite(bundle.files[which], content);
  try {
    tessera::read_bundle(bundle.directory.path());
  } catch (const tessera::Error&) {  // refused in a sentence
  }
  overwrite(bundle.files[which], bundle.contents[which]);
  return 0;
}
