#include "tokenize/uniqueness.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/parallel.h"

namespace tessera {
namespace {

constexpr std::size_t kWidth = 32;  // tuples that an item looks at first
constexpr std::size_t kMostWidth = 1U << 16;
constexpr std::size_t kLargeGroup = 16;  // whose items share what they found, where they are equal
constexpr std::size_t kRowsAtOnce = 1024;  // look for tuples side by side

// A tuple as bytes.
std::string key_of(std::span<const std::int32_t> codes) {
  return {reinterpret_cast<const char*>(codes.data()), codes.size_bytes()};
}

// Items that cannot all keep their tuple, by the tuple.
struct Groups {
  std::vector<std::int32_t> of;  // by row: its group, -1 where it is alone
  std::vector<std::size_t> sizes;
  std::vector<bool> taken;                 // by an item that was there before
  std::unordered_set<std::string> tuples;  // that somebody has

  Groups(const IntMatrix& codes, const IntMatrix& kept) : of(codes.rows, -1) {
    for (std::size_t i = 0; i < kept.rows; ++i) {
      tuples.insert(key_of(kept.row(i).first(codes.cols)));
    }
    std::unordered_map<std::string, std::int32_t> firsts;  // first row with a tuple
    for (std::size_t i = 0; i < codes.rows; ++i) {
      const std::string key = key_of(codes.row(i));
      const auto [first, is_new] = firsts.emplace(key, static_cast<std::int32_t>(i));
      const bool held = is_new && tuples.contains(key);
      if (is_new && !held) continue;
      std::int32_t& group = of[static_cast<std::size_t>(first->second)];
      if (group < 0) {
        group = static_cast<std::int32_t>(sizes.size());
        sizes.push_back(1);
        taken.push_back(held);
      }
      if (is_new) continue;
      of[i] = group;
      ++sizes[static_cast<std::size_t>(group)];
    }
    for (auto& [key, row] : firsts) tuples.insert(key);
  }
};

// Calls body(rows that `wanted` names, their vectors in code space) block by block.
template <class Wanted, class Body>
void for_rows(const SemanticTokenizer& tokenizer, const VectorSource& vectors, const Wanted& wanted,
              const Body& body) {
  std::vector<std::size_t> rows;
  for_each_block(vectors, [&](std::size_t first, MatrixView<float> block) {
    rows.clear();
    for (std::size_t i = 0; i < block.rows; ++i) {
      if (wanted(first + i)) rows.push_back(first + i);
    }
    if (rows.empty()) return;
    Matrix x(rows.size(), block.cols);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::copy_n(block[rows[i] - first], block.cols, x[i]);
    }
    body(rows, tokenizer.code_space(x));
  });
}

float squared_error(const AdditiveCodes& codes, std::span<const std::int32_t> tuple,
                    std::span<const float> z) {
  std::vector<float> decoded(z.size());
  codes.decode(tuple, codes.levels(), decoded);
  double sum = 0.0;
  for (std::size_t d = 0; d < z.size(); ++d) {
    sum += (double{z[d]} - decoded[d]) * (double{z[d]} - decoded[d]);
  }
  return static_cast<float>(sum);
}

// By group: the row whose vector is nearest to the tuple, which keeps it; -1 where the tuple was
// taken before.
std::vector<std::int32_t> keepers(const SemanticTokenizer& tokenizer, const VectorSource& vectors,
                                  const IntMatrix& codes, const Groups& groups) {
  std::vector<std::int32_t> best(groups.sizes.size(), -1);
  std::vector<float> least(best.size(), std::numeric_limits<float>::infinity());
  const auto wanted = [&](std::size_t row) {
    return groups.of[row] >= 0 && !groups.taken[static_cast<std::size_t>(groups.of[row])];
  };
  for_rows(tokenizer, vectors, wanted, [&](std::span<const std::size_t> rows, const Matrix& z) {
    std::vector<float> errors(rows.size());
    parallel_for(rows.size(), 64, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        errors[i] = squared_error(tokenizer.codes(), codes.row(rows[i]), z.view().row(i));
      }
    });
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto group = static_cast<std::size_t>(groups.of[rows[i]]);
      if (best[group] >= 0 && errors[i] >= least[group]) continue;
      least[group] = errors[i];
      best[group] = static_cast<std::int32_t>(rows[i]);
    }
  });
  return best;
}

// Finds free tuples, nearest first.
class FreeTuples {
 public:
  FreeTuples(const AdditiveCodes& codes, std::unordered_set<std::string>& taken)
      : codes_(codes), taken_(taken) {}

  // Of each of these rows its nearest tuples: so many that one of them is free as things stand.
  std::vector<std::vector<CodeTuple>> look(const Matrix& z, std::vector<std::size_t> rows) const {
    std::vector<std::vector<CodeTuple>> near(z.rows());
    for (std::size_t width = kWidth; !rows.empty() && width <= kMostWidth; width *= 4) {
      Matrix open(rows.size(), z.cols());
      for (std::size_t i = 0; i < rows.size(); ++i) std::copy_n(z[rows[i]], z.cols(), open[i]);
      std::vector<std::vector<CodeTuple>> found = codes_.nearest(open, width);
      std::vector<std::size_t> left;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const bool all = static_cast<double>(found[i].size()) >= codes_.tuples();
        if (!all && !has_free(found[i])) left.push_back(rows[i]);
        near[rows[i]] = std::move(found[i]);
      }
      rows = std::move(left);
    }
    return near;
  }

  // Takes the first of the tuples that is free, from place `at` on.
  bool take(const std::vector<CodeTuple>& tuples, std::size_t& at, std::span<std::int32_t> to) {
    for (; at < tuples.size(); ++at) {
      if (!taken_.insert(key_of(tuples[at].codes)).second) continue;
      std::ranges::copy(tuples[at].codes, to.begin());
      return true;
    }
    return false;
  }

  // Looks further and further until there is one, whose error it returns; `tuples` are those looked
  // at last.
  float search(std::span<const float> z, std::vector<CodeTuple>& tuples, std::size_t& at,
               std::span<std::int32_t> to) {
    for (std::size_t width = std::max(kWidth, tuples.size());; width *= 4) {
      if (take(tuples, at, to)) return tuples[at].error;
      const bool all = static_cast<double>(tuples.size()) >= codes_.tuples();
      if (all || tuples.size() >= kMostWidth) {
        fail("no tuple of codes is free near an item: add a level, or choose --unique extra");
      }
      tuples = codes_.nearest(z, width * 4);
      at = 0;
    }
  }

 private:
  bool has_free(const std::vector<CodeTuple>& tuples) const {
    return std::ranges::any_of(
        tuples, [&](const CodeTuple& tuple) { return !taken_.contains(key_of(tuple.codes)); });
  }

  const AdditiveCodes& codes_;
  std::unordered_set<std::string>& taken_;
};

// What equal items of a large group found together.
struct Found {
  std::vector<float> z;
  std::vector<CodeTuple> tuples;
  std::size_t at = 0;
};

UniquenessReport reassign(const SemanticTokenizer& tokenizer, const VectorSource& vectors,
                          IntMatrix& codes, const IntMatrix& kept,
                          const ProgressFunction& progress) {
  if (static_cast<double>(codes.rows + kept.rows) > tokenizer.codes().tuples()) {
    fail("{} items cannot each have one of {:.0f} tuples: add a level or codes",
         codes.rows + kept.rows, tokenizer.codes().tuples());
  }
  Groups groups(codes, kept);
  const std::vector<std::int32_t> best = keepers(tokenizer, vectors, codes, groups);
  const auto group_of = [&](std::size_t row) { return static_cast<std::size_t>(groups.of[row]); };
  const auto moves = [&](std::size_t row) {
    return groups.of[row] >= 0 && best[group_of(row)] != static_cast<std::int32_t>(row);
  };
  FreeTuples free(tokenizer.codes(), groups.tuples);
  std::unordered_map<std::size_t, Found> large;
  UniquenessReport report;
  const auto move_rows = [&](std::span<const std::size_t> rows, const Matrix& z) {
    std::vector<std::size_t> looking;  // those that no equal item looks for
    std::unordered_map<std::size_t, std::span<const float>> last;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::size_t group = group_of(rows[i]);
      const std::span<const float> row = z.view().row(i);
      if (groups.sizes[group] > kLargeGroup) {
        const auto [seen, is_new] = last.try_emplace(group, large[group].z);
        if (std::ranges::equal(seen->second, row)) continue;
        seen->second = row;
      }
      looking.push_back(i);
    }
    std::vector<std::vector<CodeTuple>> near = free.look(z, std::move(looking));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::span<const float> row = z.view().row(i);
      ++report.moved;
      report.error_before += squared_error(tokenizer.codes(), codes.row(rows[i]), row);
      Found own{{}, std::move(near[i]), 0};
      Found* found = &own;
      if (groups.sizes[group_of(rows[i])] > kLargeGroup) {
        found = &large[group_of(rows[i])];
        if (!std::ranges::equal(found->z, row)) {
          *found = {{row.begin(), row.end()}, std::move(own.tuples), 0};
        }
      }
      report.error_after += free.search(row, found->tuples, found->at, codes.row(rows[i]));
    }
    if (progress) progress(rows.back() + 1, codes.rows);
  };
  for_rows(tokenizer, vectors, moves, [&](std::span<const std::size_t> rows, const Matrix& z) {
    for (std::size_t first = 0; first < rows.size(); first += kRowsAtOnce) {
      const std::size_t count = std::min(kRowsAtOnce, rows.size() - first);
      Matrix some(count, z.cols());
      std::copy_n(z[first], count * z.cols(), some[0]);
      move_rows(rows.subspan(first, count), some);
    }
  });
  if (report.moved > 0) {
    report.error_before /= static_cast<double>(report.moved);
    report.error_after /= static_cast<double>(report.moved);
  }
  return report;
}

// One more column: an item's number among those of its tuple.
UniquenessReport number_on(IntMatrix& codes, const IntMatrix& kept) {
  const std::size_t levels = codes.cols;
  if (kept.rows > 0 && kept.cols != levels + 1) {
    fail("the earlier items have {} codes, of which one must tell equals apart: {} are needed",
         kept.cols, levels + 1);
  }
  std::unordered_map<std::string, std::int32_t> next;
  for (std::size_t i = 0; i < kept.rows; ++i) {
    std::int32_t& number = next[key_of(kept.row(i).first(levels))];
    number = std::max(number, kept.row(i)[levels] + 1);
  }
  IntMatrix more{codes.rows, levels + 1, std::vector<std::int32_t>(codes.rows * (levels + 1))};
  for (std::size_t i = 0; i < codes.rows; ++i) {
    std::ranges::copy(codes.row(i), more.row(i).begin());
    more.row(i)[levels] = next[key_of(codes.row(i))]++;
  }
  std::int32_t most = 0;
  for (const auto& [tuple, number] : next) most = std::max(most, number);
  codes = std::move(more);
  UniquenessReport report;
  report.extra_codes = static_cast<std::size_t>(most);
  return report;
}

}  // namespace

UniquenessReport make_unique(const SemanticTokenizer& tokenizer, const VectorSource& vectors,
                             Uniqueness rule, IntMatrix& codes, const IntMatrix& kept,
                             const ProgressFunction& progress) {
  if (rule == Uniqueness::leave) return {};
  if (rule == Uniqueness::extra) return number_on(codes, kept);
  return reassign(tokenizer, vectors, codes, kept, progress);
}

}  // namespace tessera
