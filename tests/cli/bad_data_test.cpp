// Broken or odd files before training: one line that names the file and the line, and nothing
// half-written.
#include "cli/shop.h"

namespace tessera::testing {
namespace {

const std::string kInteractions = "ann 1 2 3 4\nbob 2 3 4 5\ncid 5 1 2 3\n";

class Prepare : public CommandTest {
 protected:
  std::string line(const std::string& interactions) const {
    return "prepare --interactions " + interactions + " --out " + path("data");
  }
  /// Refuses the files, on a fresh place and over a good dataset, which stays as it was.
  void expect_refused(const std::string& command, std::initializer_list<std::string_view> parts) {
    fs::remove_all(path("data"));
    expect_refusal(tessera(command), 1, parts);
    EXPECT_FALSE(fs::exists(path("data")));
    fs::copy(shop().data, path("data"), fs::copy_options::recursive);
    const auto before = snapshot(path("data"));
    expect_refusal(tessera(command), 1, parts);
    EXPECT_EQ(snapshot(path("data")), before);
  }
  void expect_bad_interactions(const std::string& content,
                               std::initializer_list<std::string_view> parts) {
    expect_refused(line(file("in.txt", content)), parts);
  }
  void expect_bad_text(const std::string& content, std::initializer_list<std::string_view> parts) {
    expect_refused(
        line(file("in.txt", kInteractions)) + " --item-text " + file("text.json", content), parts);
  }
};

TEST_F(Prepare, NamesTheLineThatBreaksTheFormat) {
  expect_bad_interactions(kInteractions + "dan\n", {"in.txt:4: no items", "remove the line"});
  expect_bad_interactions("ann 1 2\n\nbob 1 2\n", {"in.txt:2: no items"});
  expect_bad_interactions("ann 1 two 3\n", {"in.txt:1:", "'two'", "correct"});
  expect_bad_interactions("ann 1 2.5\n", {"in.txt:1:", "'2.5'"});
  expect_bad_interactions("ann 1 99999999999999999999\n", {"in.txt:1:", "99999999999999999999"});
  expect_bad_interactions("ann 1 2\nbob 0 1\n", {"in.txt:2: item id 0", "from 1"});
  expect_bad_interactions("ann 1 -7\n", {"in.txt:1: item id -7", "from 1"});
  expect_bad_interactions("ann 1 2\nbob 3 4\nann 5 6\n", {"in.txt:3: user 'ann'", "one line"});
}

TEST_F(Prepare, RefusesFilesThatAreMissingEmptyCutOrNoFiles) {
  expect_refused(line(path("missing.txt")), {path("missing.txt"), "cannot open"});
  expect_bad_interactions("", {path("in.txt"), "empty"});
  fs::create_directory(path("empty"));
  expect_refused(line(path("empty")), {path("empty"), "the folder holds no file"});
  // gzip of "ann 1 2 3 4\n", cut short.
  const std::string packed("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\xcc\xcb\x53\x30\x54\x30",
                           17);
  expect_refused(line(file("in.gz", packed)), {path("in.gz"), "gzip", "cut short"});
  expect_refused(line(file("in.txt", kInteractions)) + " --item-text " + path("none.json"),
                 {path("none.json"), "cannot open"});
  expect_refused(line(path("in.txt")) + " --timestamps " + path("none.txt"),
                 {path("none.txt"), "cannot open"});
}

TEST_F(Prepare, TakesNulBytesAndVeryLongLinesForWhatTheyAre) {
  using namespace std::string_literals;
  expect_bad_interactions("ann 1 2\0 3\n"s,
                          {"in.txt:1: item '2", "is not a whole number; correct"});
  expect_bad_interactions(std::string(2'000'000, '\0'), {"in.txt:1: no items"});
  expect_bad_interactions("ann 1 " + std::string(2'000'000, '7') + "\n",
                          {"in.txt:1: item '777", "…", "is not a whole number; correct it"});
  expect_bad_text("{\"1\": \"" + std::string(1'000'000, 'x'), {"text.json:1: not valid JSON"});
  std::string crowd = "ann";
  for (int i = 0; i < 200'000; ++i) crowd += " " + std::to_string(1 + i % 500);
  EXPECT_EQ(json_of(line(file("in.txt", crowd)) + " --json").at("events"), 200'000);
}

TEST_F(Prepare, RefusesTextThatIsNotOneJsonObject) {
  expect_bad_text("", {"text.json", "empty"});
  expect_bad_text("{\"1\": \"a\",\n \"2\": \"b", {"text.json:2: not valid JSON"});
  expect_bad_text("1\tone\n2\ttwo\n", {"text.json:1: not valid JSON"});
  expect_bad_text("[\"a\", \"b\"]", {"text.json", "one JSON object"});
  expect_bad_text("{\"one\": \"a\"}", {"text.json", "'one'"});
  expect_bad_text("{\"1\": 5}", {"text.json", "'1'", "string"});
  expect_bad_text("{\"1\": \"a\xFF\"}", {"text.json:1: not valid JSON"});
  expect_bad_text(std::string(100'000, '['), {"text.json:1: not valid JSON"});
}

TEST_F(Prepare, AnItemAboveTheCatalogueOfTextsIsRefused) {
  expect_bad_text(R"({"1": "a", "2": "b", "3": "c", "4": "d"})",
                  {"in.txt:2: item id 5 is above the catalogue, which ends at 4"});
}

TEST_F(Prepare, CountsItemsWithoutTextAndTextsWithoutEvents) {
  const std::string text = R"({"1": "tea", "2": "cup", "4": "pot", "5": "", "9": "jug"})";
  const std::string command =
      line(file("in.txt", kInteractions)) + " --item-text " + file("text.json", text);
  const Json summary = json_of(command + " --json");
  EXPECT_EQ(summary.at("items"), 6);
  EXPECT_EQ(summary.at("items_without_text"), 2) << "3 has none, 5 an empty one";
  EXPECT_EQ(summary.at("items_without_events"), 1);
  const std::string words = output_of(command);
  EXPECT_NE(words.find("2 items have no text"), std::string::npos) << words;
  EXPECT_NE(words.find("1 items have text but no event"), std::string::npos) << words;
  EXPECT_EQ(json_of("embed --min-df 1 --dims 2 --json --data " + path("data")).at("zero_rows"), 2);
}

TEST_F(Prepare, TimestampsMustFollowTheInteractions) {
  const std::string command = line(file("in.txt", kInteractions)) + " --timestamps ";
  const auto refused = [&](const char* times, std::initializer_list<std::string_view> parts) {
    expect_refused(command + file("times.txt", times), parts);
  };
  refused("ann 1 2 3 4\nbob 1 2 3\ncid 1 2 3 4\n", {"times.txt:2:", "3 times for 4 events"});
  refused("ann 1 2 3 4\n", {"times.txt", "1 lines for 3 users"});
  refused("bob 1 2 3 4\n", {"times.txt:1:", "'ann'"});
  refused("ann 1 2 3 x\n", {"times.txt:1:", "'x'"});
}

class Embed : public CommandTest {
 protected:
  std::string data() const { return copy(shop().data, "data"); }
};

std::string npy(const std::string& header, const std::string& body) {
  std::string dict = header;
  dict.resize(118 - 1, ' ');
  dict += '\n';
  return std::string("\x93NUMPY\x01\x00\x76\x00", 10) + dict + body;
}

std::string floats(std::size_t count, float value, float last) {
  std::vector<float> values(count, value);
  values.back() = last;
  return {reinterpret_cast<const char*>(values.data()), count * sizeof(float)};
}

std::string header_of(const char* shape) {
  return std::string("{'descr': '<f4', 'fortran_order': False, 'shape': (") + shape + "), }";
}

TEST_F(Embed, RefusesEmbeddingsThatDoNotFit) {
  const std::string directory = data();
  const auto before = snapshot(directory);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const auto refused = [&](const std::string& content,
                           std::initializer_list<std::string_view> parts) {
    expect_refusal(
        tessera("embed --encoder npy --data " + directory + " --file " + file("rows.npy", content)),
        1, parts);
    EXPECT_EQ(snapshot(directory), before);
  };
  refused(npy(header_of("149, 4"), floats(149 * 4, 1, 1)), {"rows.npy", "149 rows for 150 items"});
  refused(npy(header_of("150, 2, 2"), floats(600, 1, 1)), {"rows.npy", "3 dimensions"});
  refused(npy(header_of("150, 0"), ""), {"rows.npy", "no columns"});
  refused(npy(header_of("150, 4"), floats(600, 1, nan)), {"rows.npy", "row 149", "NaN"});
  refused(npy(header_of("150, 4"), floats(600, 1, -inf)), {"rows.npy", "row 149", "Inf"});
  refused(npy(header_of("150, 4"), floats(599, 1, 1)), {"rows.npy", "cut short"});
  refused(npy("{'descr': '<i8', 'fortran_order': False, 'shape': (150, 4), }",
              std::string(150 * 4 * 8, '\1')),
          {"rows.npy", "<i8", "float32"});
  refused("id,a,b\n1,0.5,0.25\n", {"rows.npy", "not a .npy file"});
  refused("", {"rows.npy", "not a .npy file"});
  const std::string line = "embed --encoder npy --data " + directory + " --file ";
  expect_refusal(tessera(line + path("none.npy")), 1, {path("none.npy"), "cannot open"});
  expect_refusal(tessera(line + path("")), 1, {path(""), "directory"});
}

TEST_F(Embed, TakesEmbeddingsThatFit) {
  const std::string directory = data();
  const std::string rows = file("rows.npy", npy(header_of("150, 4"), floats(600, 1, 2)));
  const Json summary =
      json_of("embed --json --encoder npy --data " + directory + " --file " + rows);
  EXPECT_EQ(summary.at("dims"), 4);
  EXPECT_FALSE(fs::exists(directory + "/text_encoder.safetensors")) << "it made other embeddings";
  const std::string ids = file("ids.txt", "S000001\nS000002\nnobody\n");
  expect_refusal(
      tessera("embed --encoder npy --data " + directory + " --file " + rows + " --ids " + ids), 1,
      {"ids.txt:3:", "'nobody'"});
}

TEST_F(Embed, TrainingAsksForEmbeddingsThatAreMissingOrBroken) {
  const std::string directory = data();
  const std::string rows = directory + "/embeddings.npy";
  const std::string whole = content_of(rows);
  const std::string line = "train --data " + directory + " --out " + path("model") + kTiny;
  const auto refused = [&](std::initializer_list<std::string_view> parts) {
    expect_refusal(tessera(line), 1, parts);
    EXPECT_FALSE(fs::exists(path("model")));
  };
  fs::remove(rows);
  refused({rows, "tessera embed --data " + directory});
  write(rows, npy(header_of("149, 4"), floats(149 * 4, 1, 1)));
  refused({rows, "149 rows for 150 items", "tessera embed"});
  write(rows, npy(header_of("150, 4"), floats(600, 1, std::numeric_limits<float>::quiet_NaN())));
  refused({rows, "row 149", "not finite"});
  write(rows, whole.substr(0, whole.size() - 5));
  refused({rows, "cut short"});
}

TEST_F(Embed, WithoutAnyTextThereIsNothingToEmbed) {
  output_of("prepare --interactions " + file("in.txt", kInteractions) + " --out " + path("data"));
  expect_refusal(tessera("embed --data " + path("data")), 1, {"items.jsonl", "--item-text"});
}

class DamagedDataset : public CommandTest {};

TEST_F(DamagedDataset, IsRefusedByTheFileThatIsWrong) {
  const auto refused = [&](const char* name, const std::string& content,
                           std::initializer_list<std::string_view> parts) {
    fs::remove_all(path("data"));
    const std::string directory = copy(shop().data, "data");
    write(directory + "/" + name, content);
    expect_refusal(tessera("embed --data " + directory), 1, parts);
  };
  const auto content = [](const char* name) { return content_of(shop().data + "/" + name); };
  refused("dataset.json", "{", {"dataset.json:1: not valid JSON"});
  refused("dataset.json", "[]", {"dataset.json", "format_version"});
  Json newer = Json::parse(content("dataset.json"));
  newer["format_version"] = 99;
  refused("dataset.json", newer.dump(), {"dataset.json", "version 99", "update tessera"});
  refused("items.jsonl", content("items.jsonl") + "{\"id\": 5}\n", {"items.jsonl:151:", "'id'"});
  refused("items.jsonl", "", {"items.jsonl", "0 items"});
  refused("users.txt", "U000001\n", {"users.txt", "1 users"});
  refused("events.npy", content("events.npy").substr(0, 200), {"events.npy", "cut short"});
  std::string swapped = content("users.txt");
  swapped.replace(0, 7, "U000999");
  std::string events = content("events.npy");
  std::swap(events[events.size() - 4], events[events.size() - 8]);
  refused("events.npy", events, {"dataset.json", "fingerprint"});
}

TEST_F(DamagedDataset, ADirectoryWithoutADatasetIsNamed) {
  const std::string text = file("file.txt", "x");
  for (const std::string& place : {path("nothing"), path(""), text}) {
    expect_refusal(tessera("embed --data " + place), 1, {place, "not a dataset directory"});
    expect_refusal(tessera("train --data " + place + " --out " + path("model")), 1, {place});
  }
  EXPECT_FALSE(fs::exists(path("model")));
}

}  // namespace
}  // namespace tessera::testing
