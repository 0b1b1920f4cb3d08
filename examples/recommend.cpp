// From a simulated shop to recommendations, with nothing but the library:
//   find_package(tessera REQUIRED)
//   target_link_libraries(recommend PRIVATE tessera::tessera)
#include <tessera/tessera.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " DIRECTORY   (where the dataset and the model go)\n";
    return 2;
  }
  const std::filesystem::path directory = argv[1];
  try {
    tessera::simulate_dataset(directory / "shop", 300, 90);
    tessera::embed_dataset(directory / "shop", 64);

    tessera::Training training{.dataset = directory / "shop", .bundle = directory / "model"};
    training.settings = {"codebook_size=16", "epochs=3", "collaborative_epochs=3"};
    training.on_epoch = [](std::size_t epoch, const tessera::MetricValues& validation) {
      std::cout << "epoch " << epoch << ": validation HR@10 " << validation.at("HR@10") << '\n';
      return true;
    };
    tessera::train_model(training);
    std::cout << "test NDCG@10 "
              << tessera::evaluate_model(directory / "model", directory / "shop").at("NDCG@10")
              << '\n';

    const tessera::Model model(directory / "model");
    const std::vector<std::string> history = {"S000001", "S000002"};
    for (const tessera::Recommendation& item : model.recommend(history, {.k = 3})) {
      std::cout << item.id << "  " << item.title << "  " << item.score << '\n';
    }
  } catch (const tessera::Error& error) {
    std::cerr << argv[0] << ": " << error.what() << '\n';
    return 1;
  }
}
