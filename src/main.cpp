#include <CLI/CLI.hpp>

#include "base/parallel.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "ranks/launched_ranks.h"

int main(int argc, char** argv) {
  CLI::App app(
      "Tessera: recommendations from interaction logs and item text, by unified semantic and ID "
      "tokens.",
      "tessera");
  app.set_version_flag("--version", "tessera " TESSERA_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  int threads = 0;
  app.add_option("--threads", threads, "Threads to use (default: every CPU allowed)")
      ->check(CLI::Range(0, 1024));
  // Before any command runs: options are parsed by then, also those behind the subcommand.
  app.parse_complete_callback(
      [&] { tessera::set_threads(threads > 0 ? threads : tessera::launched_threads()); });
  tessera::add_simulate(app);
  tessera::add_prepare(app);
  tessera::add_embed(app);
  tessera::add_train(app);
  tessera::add_tune(app);
  tessera::add_evaluate(app);
  tessera::add_refresh(app);
  tessera::add_rollback(app);
  tessera::add_recommend(app);
  tessera::add_similar(app);
  tessera::add_similar_users(app);
  tessera::add_tokens(app);
  tessera::add_tokenize(app);
  tessera::add_export(app);
  tessera::add_index(app);
  tessera::add_serve(app);
  tessera::add_backup(app);
  tessera::add_restore(app);
  tessera::add_moved_commands(app);
  app.footer(
      "A first tour:\n"
      "  tessera simulate  --out shop\n"
      "  tessera embed     --data shop\n"
      "  tessera train     --data shop --out shop-model\n"
      "  tessera evaluate  --model shop-model --data shop --baselines\n"
      "  tessera recommend --model shop-model --user U000001\n"
      "\nExit status: 0 done, 1 failed, 2 wrong usage, 3 refresh left the model as it was.");
  return tessera::run_program(app, argc, argv);
}
