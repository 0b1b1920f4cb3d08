#include <string_view>

#include "base/files.h"
#include "tokenize/health.h"

namespace tessera {
namespace {

constexpr std::string_view kBefore = R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Health of tokens</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
  color: #1c2024; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left;
  border-bottom: 1px solid #e4e6e8; vertical-align: top }
.number { text-align: right; font-variant-numeric: tabular-nums }
.bar { background: #dfe7f2; display: inline-block; height: .7rem; width: 8rem }
.bar i { background: #2f6fb5; display: block; height: 100% }
.warning { border-left: 4px solid #c77700; background: #fff7e8; padding: .4rem .8rem;
  margin: .5rem 0 }
.well { border-left: 4px solid #2e8b57; background: #eef8f1; padding: .4rem .8rem }
td:first-child { white-space: nowrap }
canvas { border: 1px solid #e4e6e8; max-width: 100% } small { color: #60666c }
</style></head><body>
<h1 id="title"></h1><p id="facts"></p><div id="warnings"></div><div id="parts"></div>
<script type="application/json" id="health">)html";

constexpr std::string_view kAfter = R"html(</script>
<script>
const { name, health } = JSON.parse(document.getElementById('health').textContent);
const percent = (share) => (100 * share).toFixed(1) + ' %';
const element = (tag, text, kind) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
};
const short = (text) => text.length > 60 ? text.slice(0, 59) + '…' : text;
const parts = document.getElementById('parts');
const section = (title, note) => {
  parts.append(element('h2', title));
  if (note) parts.append(element('small', note));
};
const bar = (share) => {
  const box = element('span', undefined, 'bar'), inside = element('i');
  inside.style.width = Math.max(0, Math.min(100, 100 * share)) + '%';
  box.append(inside);
  return box;
};
const table = (heads, rows) => {
  const made = element('table'), top = element('tr');
  heads.forEach((head) => top.append(element('th', head)));
  made.append(top);
  for (const row of rows) {
    const line = element('tr');
    for (const value of row) {
      const cell = element('td', undefined, typeof value === 'number' ? 'number' : '');
      cell.append(value instanceof Node ? value : String(value));
      line.append(cell);
    }
    made.append(line);
  }
  parts.append(made);
};
document.title = document.getElementById('title').textContent = 'Health of tokens: ' + name;
document.getElementById('facts').textContent = health.items.toLocaleString() + ' items, ' +
  health.levels.length + ' codes each' + (health.quantizer ? ', quantizer ' + health.quantizer : '') +
  '; ' + percent(health.collisions.unique_share) + ' have a tuple of their own, ' +
  percent(health.collisions.distinct_share) + ' distinct tuples.';
const warnings = document.getElementById('warnings');
for (const warning of health.warnings) {
  const box = element('div', undefined, 'warning');
  box.append(element('b', warning.what + ': '), warning.why + '. ', element('i', 'What helps: ' + warning.remedy + '.'));
  warnings.append(box);
}
if (!health.warnings.length) warnings.append(element('div', 'Nothing to warn of.', 'well'));
section('Use of codes', 'Perplexity: as many evenly used codes would spread the items as much.');
table(['level', 'codes', 'used', '', 'perplexity', '', 'distinct prefixes'],
  health.levels.map((level, l) => [l + 1, level.codes, level.used, bar(level.activation),
    level.perplexity.toFixed(1), bar(level.perplexity / level.codes), level.distinct_prefixes]));
if (health.decoding) {
  section('What codes keep', 'Error in shares of the variance; neighbours: of the 10 nearest vectors those still among the 10 nearest after decoding.');
  table(['levels', 'error', '', 'mean cosine', 'neighbours kept', ''],
    health.decoding.map((at, l) => ['1 to ' + (l + 1), percent(at.error), bar(at.error),
      at.cosine.toFixed(3), at.neighbours_kept === undefined ? '' : percent(at.neighbours_kept),
      bar(at.neighbours_kept || 0)]));
}
if (health.labels) {
  section('What codes tell of ' + (health.labels.name || 'the label'), health.labels.labels +
    ' labels of ' + health.labels.items + ' items; in shares of their entropy. By chance: of shuffled labels.');
  table(['levels', 'information', '', 'by chance'], health.labels.levels.map((at, l) =>
    ['1 to ' + (l + 1), percent(at.information), bar(at.information), percent(at.by_chance)]));
}
if (health.vectors) {
  section('Vectors');
  table(['zero', 'equal to one before'], [[health.vectors.zero, health.vectors.repeated]]);
}
section('Collisions', health.collisions.items + ' items share ' + health.collisions.tuples +
  ' tuples, ' + health.collisions.largest + ' at most.');
table(['codes', 'items', 'among them'], health.collisions.groups.map((group) => {
  const list = element('span');
  list.textContent = group.first.map((item) => short(item.title || item.id)).join(' · ') +
    (group.items > group.first.length ? ' …' : '');
  return [group.codes.join('-'), group.items, list];
}));
if (health.map) {
  section('Map', 'The plane in which the vectors differ most, coloured by the first code. Point at an item to read its title.');
  const canvas = element('canvas'), label = element('p', ' ');
  canvas.width = 900; canvas.height = 600;
  parts.append(canvas, label);
  const points = health.map.points, pen = canvas.getContext('2d');
  const range = (at) => [Math.min(...points.map((p) => p[at])), Math.max(...points.map((p) => p[at]))];
  const [left, right] = range(1), [low, high] = range(2);
  const place = (p) => [20 + 860 * (p[1] - left) / (right - left || 1),
    580 - 560 * (p[2] - low) / (high - low || 1)];
  for (const p of points) {
    const [x, y] = place(p);
    pen.fillStyle = 'hsl(' + (p[3] * 137.508) % 360 + ' 60% 45% / .7)';
    pen.beginPath(); pen.arc(x, y, 3, 0, 7); pen.fill();
  }
  canvas.onmousemove = (event) => {
    const box = canvas.getBoundingClientRect(), scale = canvas.width / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    let best, least = 225;
    for (const p of points) {
      const [px, py] = place(p), gap = (px - x) ** 2 + (py - y) ** 2;
      if (gap < least) { least = gap; best = p; }
    }
    label.textContent = best ? best[0] + ' · ' + (best[4] || '') + ' · first code ' + best[3] : ' ';
  };
}
</script></body></html>
)html";

}  // namespace

std::string health_page(const nlohmann::json& health, const std::string& name) {
  std::string json = dump_json({{"name", name}, {"health", health}});
  // A title may hold what would end the script.
  for (std::size_t at = 0; (at = json.find('<', at)) != std::string::npos;) {
    json.replace(at, 1, "\\u003c");
  }
  return std::string(kBefore) + json + std::string(kAfter);
}

}  // namespace tessera
