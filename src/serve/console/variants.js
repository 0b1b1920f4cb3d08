// What each variant answers, and what becomes of its lists.
import {askText} from './api.js';
import {$, count, el, time} from './parts.js';

const percent = share => share === null ? '–' : `${(100 * share).toFixed(share < 0.1 ? 2 : 1)} %`;
const outcome = ({rate, interval: [low, high]}) =>
  rate === null ? '–' : `${percent(rate)} (${percent(low)} to ${percent(high)})`;

const rows = [
  ['share of users', variant => percent(variant.share)],
  ['model', variant => variant.model],
  ['requests', variant => count(variant.requests)],
  ['p50, p99', ({latency_ms: {p50, p99}, requests}) => requests ? `${time(p50)}, ${time(p99)}` : '–'],
  ['lists', variant => count(variant.lists)],
  ['empty lists', variant => count(variant.empty_lists)],
  ['fall-backs', variant => count(variant.fallbacks)],
  ['new items', variant => percent(variant.new_items)],
  ['coverage', variant => percent(variant.coverage)],
  ['lists shown', variant => count(variant.shown)],
  ['click-through', variant => outcome(variant.click_through)],
  ['conversion', variant => outcome(variant.conversion)],
  ['events ranked', variant => count(variant.watched_events)],
  ['HR@10 of them', variant => outcome(variant.hr_10)],
];

/// Shows them as they are now.
export async function lookAtVariants() {
  const {variants} = JSON.parse(await askText('/v1/admin/variants'));
  $('variants').replaceChildren(
    el('thead', {}, el('tr', {}, el('th', {}), ...variants.map(({name}) => el('th', {scope: 'col'}, name)))),
    el('tbody', {}, ...rows.map(([name, text]) => el('tr', {}, el('th', {scope: 'row'}, name),
      ...variants.map(variant => el('td', {}, text(variant)))))));
}
