// The console: search, a history, what is recommended after it, and the map of it all.
import * as api from './api.js';
import {details} from './details.js';
import {CatalogueMap} from './map.js';
import {$, addButton, colourCodes, count, el, row, time} from './parts.js';
import {watchTraffic} from './traffic.js';
import {lookAtVariants} from './variants.js';
import {wishes} from './wishes.js';

const manyFound = 30, manyNext = 20;

let history = [];   // items as the API gives them, oldest first
let earlier = null; // id → rank in the last list of recommendations
let model = {levels: 0};

/// Says what went wrong, and asks for a token where one is needed.
function complain(error) {
  $('notice').textContent = error.message;
  $('notice').hidden = false;
  if (error.status === 401 || error.status === 403) $('token-form').hidden = false;
  if (!(error instanceof api.Refused)) console.error(error);
}
function calm() {
  $('notice').textContent = '';
  $('notice').hidden = true;
}

const tip = $('map-tip');
const titles = new Map();  // of items the page has met
let hovered = null;

async function titleOf(id) {
  if (!titles.has(id)) titles.set(id, (await api.getItem(id)).data.title || id);
  return titles.get(id);
}

const map = new CatalogueMap($('map'), {
  choose: id => act.look(id),
  async hover(id, x, y) {
    hovered = id;
    if (id === null) {
      tip.hidden = true;
      return;
    }
    try {
      const title = await titleOf(id);
      if (hovered !== id) return;
      tip.textContent = title;
      tip.hidden = false;
      const width = $('map').clientWidth;
      tip.style.left = `${Math.max(4, Math.min(x + 12, width - tip.offsetWidth - 4))}px`;
      tip.style.top = `${Math.max(4, y - 30)}px`;
    } catch { tip.hidden = true; }
  },
});

const act = {
  add(item) {
    history.push(item);
    historyChanged();
  },
  look: id => panels.lookAtItem(id),
  lookAtToken: (level, code) => panels.lookAtToken(level, code),
};

const wished = wishes({changed: () => recommend()});

const panels = details({
  history: () => history.map(item => item.id),
  map, act, complain,
  changed() {
    calm();
    showModel();
    recommend();
    search();
  },
  model: () => model,
  wishes: () => ({k: manyNext, ...wished.body()}),
});

function meet(items) {
  for (const item of items) titles.set(item.id, item.title || item.id);
}

// History

function historyChanged() {
  $('history').replaceChildren(...history.map((item, i) => row(item, act, {
    before: el('span', {class: 'rank'}, String(i + 1)),
    after: [el('button', {
      class: 'drop', type: 'button', title: 'Take out', 'aria-label': `Take ${item.title} out of the history`,
      onclick() {
        history.splice(i, 1);
        historyChanged();
        ($('history').querySelectorAll('.drop')[Math.min(i, history.length - 1)] ?? $('search')).focus();
      },
    }, '×')],
  })));
  $('history').lastElementChild?.scrollIntoView({block: 'nearest'});
  $('past-note').hidden = history.length > 0;
  $('clear').hidden = history.length === 0;
  $('past-count').textContent = history.length ? count(history.length) : '';
  const ids = history.map(item => encodeURIComponent(item.id)).join(',');
  window.history.replaceState(null, '', ids ? `#${ids}` : location.pathname);
  map.mark({history: history.map(item => item.id)});
  recommend();
}

$('clear').addEventListener('click', () => {
  history = [];
  historyChanged();
  $('search').focus();
});

/// A history in the address survives a reload and can be passed on.
async function historyOfAddress() {
  const ids = location.hash.slice(1).split(',').filter(Boolean).map(decodeURIComponent);
  const found = await Promise.all(ids.map(id => api.getItem(id).catch(() => null)));
  history = found.filter(Boolean).map(answer => answer.data);
  meet(history);
  historyChanged();
}

// Recommendations

let asked = 0;

async function recommend() {
  const mine = ++asked;
  if (history.length === 0) {
    earlier = null;
    $('recommendations').replaceChildren();
    $('next-note').hidden = false;
    $('next-time').textContent = '';
    map.mark({next: []});
    return;
  }
  try {
    const {data: {items}, milliseconds} =
      await api.recommend(history.map(item => item.id), manyNext, $('repeats').checked, wished.body());
    if (mine !== asked) return;
    calm();
    meet(items);
    showRecommendations(items);
    $('next-time').textContent = time(milliseconds);
    map.mark({next: items.map(item => item.id)});
  } catch (error) {
    if (mine === asked) complain(error);
  }
}

function showRecommendations(items) {
  const scores = items.map(item => item.score);
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const rows = items.map((item, i) => {
    const was = earlier?.get(item.id);
    const steps = was === undefined ? 0 : was - i;
    const note = !earlier || steps === 0 && was !== undefined ? null
      : el('span', {class: steps < 0 ? 'moved down' : 'moved'},
           was === undefined ? 'new' : steps > 0 ? `▲ ${steps}` : `▼ ${-steps}`);
    const line = el('i');
    line.style.setProperty('--share', `${high > low ? 8 + 92 * (item.score - low) / (high - low) : 100}%`);
    const why = el('button', {class: 'why', type: 'button', 'aria-expanded': 'false',
                              'aria-label': `Why ${item.title}`, onclick: () => toggleReasons(entry, why, item.id)}, 'why');
    const entry = row(item, act, {
      before: el('span', {class: 'rank'}, String(i + 1)),
      after: [el('span', {class: 'score'}, item.score.toFixed(2), line), why, addButton(item, act)], note});
    if (earlier && was === undefined) entry.classList.add('new');
    return entry;
  });
  earlier = new Map(items.map((item, i) => [item.id, i]));
  const list = $('recommendations');
  const focused = list.contains(document.activeElement) && document.activeElement.className;
  list.replaceChildren(...rows);
  if (focused) list.querySelector(`.${focused}`)?.focus();  // a click must not lose the keyboard's place
  $('next-note').hidden = true;
}

async function toggleReasons(entry, button, id) {
  const open = button.getAttribute('aria-expanded') === 'true';
  button.setAttribute('aria-expanded', String(!open));
  entry.classList.toggle('open', !open);
  if (open) {
    entry.querySelector('.reasons')?.remove();
    return;
  }
  try {
    const reasons = await panels.reasons(id);
    if (button.getAttribute('aria-expanded') === 'true') entry.append(reasons);
  } catch (error) {
    complain(error);
  }
}

$('repeats').addEventListener('change', recommend);

// Search

let searched = 0, examples = [];

async function search() {
  const mine = ++searched;
  const words = $('search').value.trim();
  let items = examples;
  if (words) {
    try {
      ({data: {items}} = await api.find(words, manyFound));
    } catch (error) {
      if (mine === searched) complain(error);
      return;
    }
  }
  if (mine !== searched) return;
  meet(items);
  $('found-note').textContent = !words ? 'Some of it:'
    : items.length === 0 ? 'Nothing begins like that.'
    : items.length === manyFound ? `The first ${manyFound}:` : `${items.length} found:`;
  $('found').replaceChildren(...items.map(item => row(item, act, {after: [addButton(item, act)]})));
}

$('search').addEventListener('input', search);
$('search').addEventListener('keydown', async event => {
  if (event.key === 'ArrowDown') {
    event.preventDefault();
    $('found').querySelector('.add')?.focus();
  }
  if (event.key === 'Enter') {
    await search();  // for the words as they are now
    $('found').querySelector('.add')?.click();
  }
  if (event.key === 'Escape') {
    $('search').value = '';
    search();
  }
});
// In a list, the arrows go to the same button of the next row.
for (const list of document.querySelectorAll('main > .column .items, main > #next .items')) {
  list.addEventListener('keydown', event => {
    const sideways = {ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling'}[event.key];
    if (!sideways) return;
    event.preventDefault();
    const next = event.target.closest('li')?.[sideways];
    if (next) {
      (next.querySelector(`.${event.target.className.split(' ')[0]}`) ?? next.querySelector('button')).focus();
    } else if (list === $('found') && event.key === 'ArrowUp') {
      $('search').focus();
    }
  });
}
document.addEventListener('keydown', event => {
  if (event.key === '/' && !event.target.matches('input, textarea')) {
    event.preventDefault();
    $('search').focus();
    $('search').select();
  }
});

// The whole

async function showModel() {
  ({data: model} = await api.getModel());
  wished.about(model);
  $('model').textContent = `${count(model.items)} items` +
    (model.live_items ? `, ${count(model.live_items)} live` : '') +
    (model.levels ? `, ${model.levels} tokens each of ${count(model.codebook_size)} codes` : '') +
    (model.collaborative_tokens ? `, ${model.collaborative_tokens} collaborative` : '');
  $('add-put').disabled = !model.reads_text;
}

async function start() {
  try {
    await showModel();
    const {data} = await api.getMap();
    colourCodes(data);
    map.load(data);
    const some = data.ids.filter((_, i) => i % Math.max(1, Math.floor(data.ids.length / 12)) === 0).slice(0, 12);
    examples = (await Promise.all(some.map(api.getItem))).map(answer => answer.data);
    await search();
    await historyOfAddress();
    calm();
  } catch (error) {
    complain(error);
  }
}

$('token-form').addEventListener('submit', event => {
  event.preventDefault();
  api.useToken($('token').value);
  $('token').value = '';
  $('token-form').hidden = true;
  calm();
  start();
});
for (const [id, change] of [['zoom-in', () => map.zoom(1.6)], ['zoom-out', () => map.zoom(1 / 1.6)], ['zoom-all', () => map.showAll()]]) {
  $(id).addEventListener('click', change);
}
const lookAtTraffic = watchTraffic(complain);
$('tab-traffic').addEventListener('click', () => lookAtTraffic().catch(complain));

for (const way of ['click', 'focus']) {  // the arrows go from tab to tab without a click
  $('tab-variants').addEventListener(way, () => lookAtVariants().catch(complain));
}

await start();
document.body.dataset.ready = 'yes';  // for tests
