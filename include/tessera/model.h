#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tessera/attributes.h"
#include "tessera/error.h"
#include "tessera/fallback.h"
#include "tessera/filter.h"
#include "tessera/items.h"
#include "tessera/rules.h"
#include "tessera/token_statistics.h"

namespace tessera {

/// An item's codes: what it is, from its text, and with what it is chosen, from events. A kind that
/// the model does not have is empty.
struct ItemTokens {
  std::vector<std::int32_t> semantic;       ///< [levels]
  std::vector<std::int32_t> collaborative;  ///< [collaborative_tokens]

  friend bool operator==(const ItemTokens&, const ItemTokens&) = default;
};

/// What can be shown of an item.
struct ItemCard {
  std::string id, title;
  ItemTokens tokens;
  bool live = false;  ///< put since the bundle was opened
};

/// Codes are semantic or collaborative; an ID token is a vector of the item alone, which has
/// neither codebook nor code.
enum class TokenKind { semantic, collaborative, id };
/// The kind by its name here. Throws UsageError that lists them.
TokenKind token_kind(std::string_view name);

/// One token: a code of one codebook.
struct Token {
  TokenKind kind = TokenKind::semantic;
  std::size_t codebook = 0;  ///< from 0: the level of a semantic token, the part of the other kind
  std::int32_t code = 0;     ///< below codebook_size
};

/// The vectors behind the codes of one codebook; they live as long as the model.
struct Codebook {
  std::span<const float> values;  ///< [codes, dims], row by row
  std::size_t codes = 0, dims = 0;

  std::span<const float> vector(std::int32_t code) const {
    return values.subspan(static_cast<std::size_t>(code) * dims, dims);
  }
};

/// An item, or a code, by its number, and how alike it is.
struct Neighbour {
  std::int32_t number;
  double cosine;
};

/// Which items a list may hold, and how many. All of it is only borrowed for the call.
struct RecommendOptions {
  std::size_t k = 10;                              ///< the length of a list, from 1
  bool repeats = false;                            ///< items of the history may come again
  std::optional<History> allow = {};               ///< if given: these items alone
  History deny = {};                               ///< none of these
  const Filter* filter = nullptr;                  ///< if given: items whose attributes pass it
  std::function<bool(std::int32_t)> accepts = {};  ///< if given: those for which it is true
  const Rules* rules = nullptr;                    ///< if given: what changes the order
  /// If given: what the lists of short histories are blended with. Rules go with it: boosts act on
  /// the model's list, everything else on the blend. Scores stay the model's.
  const Blend* blend = nullptr;
  /// If given: it becomes the user's state [width]. Of `recommend` alone.
  std::vector<float>* state = nullptr;
  /// Of recommend_many: told now and then how many histories are done.
  std::function<void(std::size_t done, std::size_t total)> progress = {};
};

/// An item to be put into a model.
struct NewItem {
  std::string id, title;
  ItemTokens tokens;
};

/// Why an item scores as it does after a history. The parts of its tokens add up to the score.
struct Explanation {
  float score = 0.0F;
  std::vector<float> semantic;       ///< [levels]: each semantic token's part
  std::vector<float> collaborative;  ///< [collaborative_tokens]: each collaborative token's part
  float id_token = 0.0F;             ///< the ID token's part
  /// For each item of the history that the model reads, by how much the score would fall without
  /// it; they do not add up to the score.
  std::vector<float> history;
};

/// What rules do to an item and to its place in a list.
struct RuleEffects {
  struct Part {
    std::string rule;  ///< as JSON names it: "boosts[0]", "freshness[1]", "popularity_penalty"
    double adds = 0.0;
  };
  double score = 0.0;  ///< the model's
  double value = 0.0;  ///< with what the rules add
  std::vector<Part> parts = {};
  /// In the list without the rules, and with them, from 1; nothing where it does not hold the item.
  std::optional<std::size_t> place_without = {}, place = {};
  bool pinned = false, buried = false, too_low = false;  ///< too_low: below the least score
  std::vector<std::string> full = {};  ///< caps that other items have used up: "caps[0]: brand x"
};

/// What items may be like: some that are liked, some that are not, and a text that the model reads.
struct Taste {
  History liked = {}, disliked = {};
  std::string_view text = {};
};

/// Where an item lies in the principal plane of the catalogue's vectors.
struct MapPoint {
  std::int32_t item;
  std::array<float, 2> place;
  std::int32_t code;  ///< of the first level; -1 without semantic tokens
};

/// A history by numbers, or why there is none to ask about: then `items` is empty.
struct ReadHistory {
  std::vector<std::int32_t> items;
  std::string why;
};

/// An item to be put, by its text or, where that is not empty, its embedding, which is borrowed for
/// the call.
struct ItemToPut {
  std::string id, title, text;
  std::span<const float> embedding = {};
};

/// A recommendation by its id.
struct Recommendation {
  std::string id;
  std::string title;
  float score = 0;
};

/// A trained model that answers: a bundle in memory with its search index, and the items put since.
/// It is what the command line, the HTTP service and the Python package show.
///
///     const tessera::Model model("shop-model");
///     const std::vector<std::string> history = {"S000012", "S000700"};
///     for (const auto& item : model.recommend(history, {.k = 5})) std::cout << item.title << '\n';
///
/// Inside, items go by numbers: a search is then a search for numbers, and many calls share one
/// look-up. A number stays its item's own for as long as the model lives, also after the item was
/// erased. Every function may be called from several threads at once; those that take item numbers
/// throw Error for one that no item has.
class Model {
 public:
  /// Opens a bundle. Throws Error that names the file if one is missing or damaged. A bundle
  /// without a text encoder answers, but takes no items by their text.
  explicit Model(const std::filesystem::path& bundle);
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  // What it is.

  /// How many items can be recommended; of those, how many were put; how many the bundle had.
  std::size_t size() const;
  std::size_t live_items() const;
  std::size_t catalogue_items() const;
  /// Semantic tokens of an item, one a level; 0 for a model of ID tokens alone.
  std::size_t levels() const;
  /// Collaborative tokens of an item; 0 where the recipe has none.
  std::size_t collaborative_tokens() const;
  /// Codes of a codebook, of either kind; 0 for a model of ID tokens alone.
  std::size_t codebook_size() const;
  /// Dimensions of item vectors and user states, and of an ID token, which ends an item vector:
  /// [semantic ‖ collaborative ‖ ID].
  std::size_t width() const;
  std::size_t id_dims() const;
  /// How many events of a history count: the last ones.
  std::size_t max_length() const;
  /// The bundle's config.json as text: settings, data, metrics at save.
  const std::string& config() const;

  // Its items.

  /// The number of an id; nothing where no such item is known or it was erased.
  std::optional<std::int32_t> number(std::string_view id) const;
  std::vector<std::optional<std::int32_t>> numbers(std::span<const std::string> ids) const;
  /// The numbers of ids that must be known: throws Error that names the first that is not.
  std::vector<std::int32_t> known(std::span<const std::string> ids) const;
  /// Histories by ids, each for itself: one that is empty or names an unknown item says so and
  /// leaves the others alone. `skip_unknown`: unknown items are passed over.
  std::vector<ReadHistory> histories(std::span<const std::vector<std::string>> ids,
                                     bool skip_unknown = false) const;
  /// The numbers of all items that can be recommended, ascending: those of the bundle in the order
  /// of its items.jsonl, then those put since.
  std::vector<std::int32_t> items() const;
  ItemCard card(std::int32_t item) const;
  std::vector<ItemCard> cards(std::span<const std::int32_t> items) const;
  /// Up to `limit` items in whose id or title every word of the query begins a word, ascending; the
  /// one whose id is the query comes first. The first call builds what later ones read.
  std::vector<std::int32_t> find(std::string_view query, std::size_t limit) const;

  // What its items are like.

  /// The attributes that items may have, as the dataset named them; none for most bundles.
  const std::vector<Attribute>& attributes() const;
  /// What they hold for an item, in that order; or those named alone. Throws UsageError for an
  /// unknown one.
  AttributeValues attributes_of(std::int32_t item) const;
  AttributeValues attributes_of(std::int32_t item, std::span<const std::string> names) const;
  /// Throws UsageError that names the first that is no attribute.
  void check_attributes(std::span<const std::string> names) const;
  /// Throws as set_attributes would, and changes nothing.
  void check_attributes(const AttributeValues& values) const;
  /// Throws UsageError, as an answer would, if the filter names an unknown attribute or asks it for
  /// what it never holds.
  void check(const Filter& filter) const;
  void check(const Rules& rules) const;
  /// Throws UsageError if the fall-back asks what trends and training saw no times.
  void check(const Fallback& fallback) const;
  /// Rules from JSON (rules_from_json), by the ids of this model's items and from now on. Throws
  /// UsageError for what is wrong in itself; `check` says whether they fit the attributes.
  Rules read_rules(std::string_view json) const;

  // Its answers.

  /// The best items after a history, best first; fewer than k where the options leave fewer. Of
  /// equal scores the smaller number, which is random, comes first. Throws UsageError for an empty
  /// history and for k = 0, Error if the user state is not finite.
  std::vector<ScoredItem> recommend(History history, const RecommendOptions& options = {}) const;
  /// For whoever has no history: items of the fall-back's sources as far as the options let them;
  /// rules do not count. `trending`: the items touched most of late, if somebody knows better than
  /// training did. A bundle of an earlier version did not count events: nothing in it is popular.
  std::vector<SourcedItem> fall_back(const Fallback& fallback = {},
                                     const RecommendOptions& options = {},
                                     History trending = {}) const;
  /// The same by ids. Throws Error that names an unknown one.
  std::vector<Recommendation> recommend(std::span<const std::string> history,
                                        const RecommendOptions& options = {}) const;
  /// A list for each history, by all threads; that of an empty history is empty. Equal to those of
  /// `recommend` up to the last bits of scores, whose sums are ordered otherwise.
  std::vector<std::vector<ScoredItem>> recommend_many(std::span<const History> histories,
                                                      const RecommendOptions& options = {}) const;
  /// The user state after each history, [histories, width], row by row: an item's score is the
  /// inner product of state and item vector. That of an empty history is 0.
  std::vector<float> states(std::span<const History> histories) const;
  /// What each of these items scores after a history, as `recommend` orders them: for whoever picks
  /// candidates elsewhere. Throws UsageError for an empty history.
  std::vector<float> score(History history, std::span<const std::int32_t> items) const;
  /// How alike the states after other histories are to the one after this: their cosines, 0 for an
  /// empty one. Throws UsageError if this one is empty.
  std::vector<double> likeness(History history, std::span<const History> others) const;
  /// What training saw touched most of late, the most first: at most 1,000 items. Nothing where the
  /// dataset had no times, or of a bundle of an earlier version.
  const std::vector<TrendingItem>& trending() const;
  /// The time of the last event that training saw, seconds since 1970; 0 where nobody knows.
  double last_event() const;
  /// Why the item scores as it does. Throws UsageError for an empty history.
  Explanation explain(History history, std::int32_t item) const;
  /// What rules do to an item in the list that the options ask for. Throws UsageError for an empty
  /// history and where the options have no rules.
  RuleEffects explain_rules(History history, std::int32_t item,
                            const RecommendOptions& options) const;
  /// The k items whose vectors have the largest cosine with this one's, best first, without itself;
  /// of those that pass the filter, if one is given.
  std::vector<Neighbour> similar(std::int32_t item, std::size_t k,
                                 const Filter* filter = nullptr) const;
  /// The same by several items and a text: cosines with the mean of what is liked less half the
  /// mean of what is not, all of them of length 1 (after Rocchio 1971). Items that are given are
  /// left out. Throws UsageError where nothing is given, Error as tokens_of for the text.
  std::vector<Neighbour> similar(const Taste& taste, std::size_t k,
                                 const Filter* filter = nullptr) const;

  // Its vectors and tokens.

  /// Item vectors [items, width], row by row.
  std::vector<float> vectors(std::span<const std::int32_t> items) const;
  /// ID tokens [items, id_dims], row by row: the ends of their vectors.
  std::vector<float> id_tokens(std::span<const std::int32_t> items) const;
  /// How many codebooks of a kind there are: levels(), collaborative_tokens() or none.
  std::size_t codebooks(TokenKind kind) const;
  /// The vectors of one of them, from 0. Throws UsageError where there is no such codebook.
  Codebook codebook(TokenKind kind, std::size_t number) const;
  /// The token that people write as a codebook and a code: the codebook a level from 1, or cPART of
  /// a collaborative token, parts from 1: ("2", "17"), ("c3", "17"). A level beyond the last is a
  /// collaborative part: so they were counted once. Throws UsageError for any other word.
  Token token(std::string_view codebook, std::string_view code) const;
  /// The items that have a token, ascending. This and the next throw UsageError for a token that
  /// does not exist.
  std::vector<std::int32_t> items_with(const Token& token) const;
  /// The codes of its codebook whose vectors have the largest cosine with the token's, best first.
  std::vector<Neighbour> nearest_codes(const Token& token, std::size_t count) const;
  /// Each kind of tokens in figures, and what the catalogue costs, of the items as they are now.
  TokenStatistics statistics() const;
  /// All items, or one, in the principal plane of the bundle's item vectors, which the first call
  /// finds.
  std::vector<MapPoint> map() const;
  MapPoint point(std::int32_t item) const;
  /// Builds now what the first `find` and the first `map` would build.
  void prepare_look_ups() const;

  // Changes.

  /// Whether items can be put by their text: the model reads text and its bundle has the encoder.
  bool reads_text() const;
  /// The tokens that a text, or its embedding by whatever encoder made those of the dataset, gets:
  /// the expensive part of putting an item, which changes nothing. Throws Error if the model does
  /// not read text or knows no word of it; for an embedding of another width, with NaN or Inf, or
  /// of zeros.
  ItemTokens tokens_of(std::string_view text) const;
  ItemTokens tokens_of(std::span<const float> embedding) const;
  /// Those of many texts, which is faster than one by one; nothing for a text of which the model
  /// knows no word. Throws Error if the model does not read text.
  std::vector<std::optional<ItemTokens>> tokens_of(std::span<const std::string_view> texts) const;
  /// Adds the item or replaces it; it is recommendable when this returns, for as long as the model
  /// lives: the bundle on disk stays as it is. An item of the bundle keeps its learned ID token and
  /// collaborative codes; a new one has the bundle's ID token of new items, and the codes given,
  /// until a model is trained with it. Returns the item as it was stored. Throws Error when there
  /// is no room for more numbers.
  ///
  ///     model.put("9001", "Steel teapot, 1 l", model.tokens_of("Steel teapot, 1 l"));
  ItemCard put(const std::string& id, const std::string& title, const ItemTokens& tokens);
  /// The same for many at once, which is much faster than one by one: a list holds all of them or
  /// none. Of several with one id the last counts. If it throws none is there.
  void put(std::span<const NewItem> items);
  /// The same by texts or embeddings: the tokens of all are found before the first is put. Throws
  /// Error that names the item.
  std::vector<ItemCard> put_many(std::span<const ItemToPut> items);
  /// Changes the attributes named, all of them or, where it throws UsageError, none; every search
  /// that starts afterwards sees it. They outlast the item: one that is erased and put again has
  /// them still.
  ///
  ///     model.set_attributes(*model.number("9001"), {{"in_stock", true}, {"price", 24.5}});
  void set_attributes(std::int32_t item, const AttributeValues& values);
  /// Whether it is an item of the bundle that was erased, and not put since.
  bool restorable(std::string_view id) const;
  /// Takes such an item in again as the bundle has it; false for any other.
  bool restore(std::string_view id);
  /// Takes an item out: it is no longer recommended, nor known in histories. False if it was not
  /// known.
  bool erase(std::string_view id);

 private:
  struct State;
  class Search;
  class RuledSearch;
  std::unique_ptr<State> state_;
};

}  // namespace tessera
