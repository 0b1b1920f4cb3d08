#pragma once
#include <nlohmann/json_fwd.hpp>

namespace tessera {

/// What `tokens --item` and `tokens --code` tell a reader, of the objects that --json prints;
/// `all`: collaborative codes as well.
void print_item_screen(const nlohmann::json& report, bool all);
/// One kind of an item's tokens alone: "id", "title", "kind" and "tokens".
void print_kind_screen(const nlohmann::json& tokens);
void print_code_screen(const nlohmann::json& report, bool all);

}  // namespace tessera
