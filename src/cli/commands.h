#pragma once
#include <CLI/App.hpp>

namespace tessera {

// Each adds one subcommand with its options, help and action. Actions throw Error or UsageError.
void add_simulate(CLI::App& app);
void add_prepare(CLI::App& app);
void add_embed(CLI::App& app);
void add_train(CLI::App& app);
void add_tune(CLI::App& app);
void add_evaluate(CLI::App& app);
void add_refresh(CLI::App& app);
void add_rollback(CLI::App& app);
void add_recommend(CLI::App& app);
void add_similar(CLI::App& app);
void add_similar_users(CLI::App& app);
void add_tokens(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_export(CLI::App& app);
void add_index(CLI::App& app);
void add_serve(CLI::App& app);
void add_backup(CLI::App& app);
void add_restore(CLI::App& app);
/// Names of commands that went elsewhere: each says where to, as wrong usage.
void add_moved_commands(CLI::App& app);

}  // namespace tessera
