// An index whose file holds anything is read, built anew or refused with an Error, and what is read
// can be searched. The input is patches of the file, each a place of two bytes, a length and the
// bytes; the checksum is made to fit, for it would refuse them all.
#include <cstdint>

#include "base/error.h"
#include "base/parallel.h"
#include "engine/small_bundle.h"
#include "index/index_file.h"

namespace {

namespace fs = tessera::fs;

struct Opened {
  tessera::testing::TempDirectory directory;
  tessera::Bundle bundle;
  fs::path file = directory.path() / tessera::kIndexFile;
  std::string content;
  std::size_t checksum = 0;  // where it stands

  Opened() {
    tessera::work_alone();
    tessera::testing::write_small_bundle(directory.path());
    bundle = tessera::read_bundle(directory.path());
    tessera::write_index(directory.path(), bundle.model, bundle.catalogue);
    content = tessera::read_file(file);
    const std::string sum = tessera::index_checksum(tessera::SafeTensors(file).tensors());
    checksum = content.find(sum);
  }
};

// Without the care of write_file, which waits for the disk.
void overwrite(const fs::path& file, const std::string& content) {
  std::FILE* stream = std::fopen(file.c_str(), "wb");
  std::fwrite(content.data(), 1, content.size(), stream);
  std::fclose(stream);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Opened& opened = *new Opened;
  std::string content = opened.content;
  while (size >= 3) {
    const std::size_t place = (data[0] * 256U + data[1]) % content.size();
    const std::size_t length =
        std::min<std::size_t>({data[2] % 16U, size - 3, content.size() - place});
    content.replace(place, length, reinterpret_cast<const char*>(data + 3), length);
    data += 3 + length;
    size -= 3 + length;
  }
  if (size > 0) content.resize(content.size() * data[0] / 255);
  overwrite(opened.file, content);
  try {
    const std::string sum = tessera::index_checksum(tessera::SafeTensors(opened.file).tensors());
    if (opened.checksum + sum.size() > content.size()) return 0;
    content.replace(opened.checksum, sum.size(), sum);
    overwrite(opened.file, content);
    const auto index =
        tessera::open_index(opened.directory.path(), opened.bundle.model, opened.bundle.catalogue);
    const std::vector<float> state(opened.bundle.model.settings.width(), 0.5F);
    for (const auto& found : index->search(state, 30)) {
      if (found.item < 0 ||
          static_cast<std::size_t>(found.item) >= opened.bundle.catalogue.items()) {
        std::abort();
      }
    }
  } catch (const tessera::Error&) {  // refused in a sentence
  }
  return 0;
}
