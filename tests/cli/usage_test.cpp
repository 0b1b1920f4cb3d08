// Wrong usage: exit 2 and one line that names the option and, where one is near, the right word.
#include "cli/shop.h"

namespace tessera::testing {
namespace {

TEST(Usage, AnUnknownWordIsNamedWithTheNearestKnownOne) {
  expect_refusal(tessera("evalute --model m"), 2, {"'evalute'", "'evaluate'"});
  expect_refusal(tessera("frobnicate"), 2, {"'frobnicate'", "--help"});
  expect_refusal(tessera("train --dta shop --out m"), 2, {"tessera train", "'--dta'", "'--data'"});
  expect_refusal(tessera("simulate --out x extra"), 2, {"'extra'"});
}

TEST(Usage, ACommandThatMovedSaysWhereTo) {
  for (const char* line : {"bench", "bench index --model m --items 10", "bench train --help"}) {
    expect_refusal(tessera(line), 2, {"tessera bench", "--target tessera-bench"});
  }
  for (const char* line : {"reproduce", "reproduce paper --data d --out r --quick"}) {
    expect_refusal(tessera(line), 2, {"tessera reproduce", "python -m lab paper"});
  }
  const std::string help = output_of("--help");
  EXPECT_EQ(help.find("bench"), std::string::npos);
  EXPECT_EQ(help.find("reproduce"), std::string::npos);
}

TEST(Usage, WhatIsMissingIsNamed) {
  expect_refusal(tessera(""), 2, {"subcommand", "--help"});
  expect_refusal(tessera("train --out m"), 2, {"tessera train", "--data"});
  expect_refusal(tessera("prepare --out m"), 2, {"--interactions"});
  expect_refusal(tessera("evaluate --model m"), 2, {"--data"});
  expect_refusal(tessera("tokens"), 2, {"--model"});
  expect_refusal(tessera("train --data"), 2, {"--data"});
  expect_refusal(tessera("recommend --model m"), 2, {"--user", "--history", "--users"});
  expect_refusal(tessera("embed --encoder npy --data d"), 2, {"--file"});
}

TEST(Usage, OptionsThatExcludeEachOtherAreNamed) {
  expect_refusal(tessera("recommend --model m --user u --history h"), 2, {"--user", "--history"});
  expect_refusal(tessera("tokens --model m --item i --code 1:1"), 2, {"--item", "--code"});
  expect_refusal(tessera("embed --data d --file f"), 2, {"--file", "npy"});
}

TEST(Usage, ValuesOfTheWrongKindOrRangeAreRefused) {
  expect_refusal(tessera("simulate --out x --users many"), 2, {"--users", "many"});
  expect_refusal(tessera("simulate --out x --users -5"), 2, {"--users", "-5"});
  expect_refusal(tessera("simulate --out x --users 0"), 2, {"0"});
  expect_refusal(tessera("simulate --out x --items 5"), 2, {"20 items", "5"});
  expect_refusal(tessera("simulate --out x --seed -1"), 2, {"--seed", "-1"});
  expect_refusal(tessera("simulate --out x --seed 99999999999999999999"), 2, {"--seed"});
  expect_refusal(tessera("embed --data d --dims 0"), 2, {"--dims"});
  expect_refusal(tessera("embed --data d --min-df -1"), 2, {"--min-df", "-1"});
  expect_refusal(tessera("embed --data d --encoder bert"), 2, {"--encoder", "bert", "tfidf-svd"});
  expect_refusal(tessera("embed --data d --encoder jsonl"), 2, {"jsonl", "--file"});
  expect_refusal(tessera("embed --data d --encoder jsonl --file f --ids i"), 2, {"--ids", "npy"});
  expect_refusal(tessera("embed --data d --encoder npy --file f --dims 8"), 2,
                 {"--dims", "tfidf-svd"});
  expect_refusal(tessera("evaluate --model m --data d --split train"), 2,
                 {"--split", "validation"});
  expect_refusal(tessera("evaluate --model m --data d --protocol best"), 2, {"--protocol", "full"});
  expect_refusal(tessera("evaluate --model m --data d --baselines all"), 2,
                 {"--baselines", "tuned"});
  expect_refusal(tessera("evaluate --model m --data d --budget 0"), 2, {"--budget"});
  expect_refusal(tessera("recommend --model m --user u -k 0"), 2, {"-k", "0"});
  expect_refusal(tessera("recommend --model m --user u -k -3"), 2, {"-k", "-3"});
  expect_refusal(tessera("simulate --out x --threads -2"), 2, {"--threads"});
}

TEST(Usage, OptionsOfWhichNothingComesAreRefused) {
  const auto refused = [](const std::string& line, const char* option, const char* belongs) {
    expect_refusal(tessera(line), 2, {option, belongs});
  };
  refused("evaluate --model m --data d --budget 3", "--budget", "--baselines tuned");
  refused("evaluate --model m --data d --baselines --budget 3", "--budget", "--baselines tuned");
  refused("evaluate --model m --data d --all --json -", "--all", "--json");
  refused("evaluate --model m --data d --negatives n", "--negatives", "--protocol sampled");
  refused("restore --backup b --list --state s", "--state", "--list");
  refused("restore --backup b --list --backup-id 1", "--backup-id", "--list");
  refused("embed --data d --encoder npy --file f --dims 3", "--dims", "tfidf-svd");
  refused("embed --data d --file f", "--file", "npy");
  refused("export --model m --what vectors --out o --all", "--all", "tokens");
}

TEST(Usage, CodesAreWrittenAsLevelAndCode) {
  const std::string line = "tokens --model " + shop().model + " --code ";
  expect_refusal(tessera(line + "3"), 2, {"'3'", "LEVEL:CODE"});
  expect_refusal(tessera(line + "1:2x"), 2, {"'1:2x'", "LEVEL:CODE"});
  expect_refusal(tessera(line + "4:1"), 2, {"levels 1 to 3"});
  expect_refusal(tessera(line + "0:1"), 2, {"levels 1 to 3"});
  expect_refusal(tessera(line + "1:16"), 2, {"0 to 15"});
}

class SettingsUsage : public CommandTest {
 protected:
  /// Refuses `--set assignment` over a good bundle, which stays as it was.
  void expect_refused(const std::string& assignment,
                      std::initializer_list<std::string_view> parts) const {
    const std::string model = path("model");
    if (!fs::exists(model)) fs::copy(shop().model, model);
    const auto before = snapshot(model);
    expect_refusal(
        tessera("train --data " + shop().data + " --out " + model, {"--set", assignment}), 2,
        parts);
    EXPECT_EQ(snapshot(model), before);
  }
};

TEST_F(SettingsUsage, UnknownKeysGetTheNearestKnownOne) {
  expect_refused("epoch=3", {"'epoch'", "did you mean 'epochs'?"});
  expect_refused("lerning_rate=1", {"'lerning_rate'", "did you mean 'learning_rate'?"});
  expect_refused("zzzzzzzzzzzz=1", {"'zzzzzzzzzzzz'", "tessera train --help"});
  expect_refused("\xFF\n=1", {"unknown setting"});
}

TEST_F(SettingsUsage, ValuesOfTheWrongTypeOrRangeAreNamed) {
  expect_refused("epochs", {"key=value"});
  expect_refused("=3", {"key=value"});
  expect_refused("epochs=", {"epochs", "whole number"});
  expect_refused("epochs=many", {"epochs", "many", "whole number"});
  expect_refused("epochs=\xFF", {"epochs", "whole number"});
  expect_refused("epochs=2.5", {"epochs", "2.5", "whole number"});
  expect_refused("epochs=-1", {"epochs", "-1"});
  expect_refused("epochs=0", {"epochs", "[1,"});
  expect_refused("dropout=1", {"dropout", "[0,"});
  expect_refused("learning_rate=nan", {"learning_rate", "nan"});
  expect_refused("codebook_size=1", {"codebook_size", "[2,"});
  expect_refused("tokens=words", {"tokens", "words", "unified"});
  expect_refused("select=recall", {"select", "recall", "NDCG@10"});
  expect_refused("heads=3", {"hidden", "heads = 3"});
}

TEST_F(SettingsUsage, ARecipeIsMoreThanItsName) {
  expect_refused("recipe=paper", {"recipe", "--recipe"});
}

TEST_F(SettingsUsage, AnUnknownRecipeIsNamedWithTheKnownOnes) {
  expect_refusal(tessera("train --recipe papr --data " + shop().data + " --out " + path("model")),
                 2, {"papr", "paper"});
  EXPECT_FALSE(fs::exists(path("model")));
}

}  // namespace
}  // namespace tessera::testing
