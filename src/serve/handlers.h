#pragma once
#include "base/task.h"
#include "serve/exchange.h"

namespace tessera {

struct Call;

// What the routes do, by name; src/serve/routes.cpp says which is which. Each throws Refusal.
Task<Response> recommend(Call& call);
Task<Response> explain(Call& call);
Task<Response> score_items(Call& call);
Response similar_items(Call& call);
Response similar_to(Call& call);
Task<Response> similar_users(Call& call);

Response find_items(Call& call);
Response get_item(Call& call);
Response put_item(Call& call);
Response patch_item(Call& call);
Response delete_item(Call& call);
Response restore_item(Call& call);
Response bulk_items(Call& call);
Response get_token(Call& call);
Response get_map(Call& call);

Task<Response> note_impression(Call& call);
Response list_variants(Call& call);

Task<Response> append_events(Call& call);
Response list_events(Call& call);
Task<Response> bulk_events(Call& call);
Task<Response> recommend_many(Call& call);
Task<Response> get_user(Call& call);
Task<Response> delete_user(Call& call);

Response health(Call& call);
Task<Response> readiness(Call& call);
Response metrics(Call& call);
Response describe_api(Call& call);
Response describe_model(Call& call);
Response reload_model(Call& call);
Response backup_store(Call& call);
Response purge_store(Call& call);
Response console_page(Call& call);
Response console_file(Call& call);

}  // namespace tessera
