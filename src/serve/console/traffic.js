// What the service and this page measure: /metrics and the page's own round trips.
import {askText, getModel, roundTrips} from './api.js';
import {$, count, el, time} from './parts.js';

/// Prometheus text → [{name, labels, value}].
export function parseMetrics(text) {
  const samples = [];
  for (const line of text.split('\n')) {
    const match = /^([a-z_:]+)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!match) continue;
    const labels = {};
    for (const [, name, value] of (match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[name] = value;
    samples.push({name: match[1], labels, value: Number(match[3])});
  }
  return samples;
}

/// By route ("POST /v1/recommend"): how many requests, and how many took at most so many seconds.
function byRoute(samples) {
  const routes = new Map();
  for (const {name, labels, value} of samples) {
    if (labels.route === undefined || labels.route === '/metrics') continue;  // that is this page
    const route = `${labels.method} ${labels.route}`;
    if (!routes.has(route)) routes.set(route, {requests: 0, buckets: new Map()});
    if (name === 'tessera_requests_total') routes.get(route).requests += value;
    if (name === 'tessera_request_seconds_bucket') routes.get(route).buckets.set(Number(labels.le.replace('+Inf', 'Infinity')), value);
  }
  return routes;
}

/// The seconds below which a share of the requests stayed, on a straight line within its bucket.
export function quantile(buckets, share) {
  const sorted = [...buckets].sort((a, b) => a[0] - b[0]);
  const total = sorted.at(-1)?.[1] ?? 0;
  if (total === 0) return NaN;
  let [below, seen] = [0, 0];
  for (const [bound, reached] of sorted) {
    if (reached >= share * total) {
      return bound === Infinity ? below : below + (bound - below) * (share * total - seen) / (reached - seen || 1);
    }
    [below, seen] = [bound, reached];
  }
  return below;
}

const milliseconds = seconds => Number.isNaN(seconds) ? '–' : time(seconds * 1000);
const middle = values => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

let before = null;

/// Shows the traffic since the last call.
async function look() {
  const now = {at: performance.now(), routes: byRoute(parseMetrics(await askText('/metrics')))};
  const seconds = before ? (now.at - before.at) / 1000 : NaN;
  const rate = route => {
    const earlier = before?.routes.get(route)?.requests ?? 0;
    return before ? (now.routes.get(route).requests - earlier) / seconds : NaN;
  };
  const whole = [...now.routes.keys()].reduce((sum, route) => sum + rate(route), 0);
  const rounded = value => Number.isNaN(value) ? '–' : value < 9.95 ? value.toFixed(1) : count(Math.round(value));
  $('pulse-rate').textContent = rounded(whole);
  const recommending = now.routes.get('POST /v1/recommend');
  $('pulse-p50').textContent = recommending ? milliseconds(quantile(recommending.buckets, 0.5)) : '–';
  $('pulse-p99').textContent = recommending ? milliseconds(quantile(recommending.buckets, 0.99)) : '–';

  const busiest = [...now.routes].sort((a, b) => b[1].requests - a[1].requests);
  $('routes').replaceChildren(...busiest.map(([route, {requests, buckets}]) => el('tr', {},
    el('td', {}, route), el('td', {}, count(requests)), el('td', {}, rounded(rate(route))),
    el('td', {}, milliseconds(quantile(buckets, 0.5))), el('td', {}, milliseconds(quantile(buckets, 0.99))))));
  before = now;
  showOwn();
  await showFreshness();
}

const age = seconds =>
  seconds < 2 * 3600 ? `${Math.round(seconds / 60)} minutes`
  : seconds < 48 * 3600 ? `${Math.round(seconds / 3600)} hours` : `${Math.round(seconds / 86400)} days`;

/// Whether the model should be trained anew.
async function showFreshness() {
  const {data: {watch}} = await getModel();
  const share = value => value === null ? '–' : `${(100 * value).toFixed(1)} %`;
  $('freshness').textContent = `The model is ${age(watch.age_seconds)} old. Since it is in use: ` +
    `requests with items that it does not know ${share(watch.with_unknown_items)} of ${count(watch.requests)}; ` +
    `items put since ${count(watch.live_items)}; ` +
    `events that were among its ten best ${share(watch['HR@10'])} of ${count(watch.watched_events)} looked at.`;
}

function showOwn() {
  const own = roundTrips();
  if (own.length === 0) return;
  $('own-count').textContent = own.length;
  $('own-times').textContent = `median ${time(middle(own))}, slowest ${time(Math.max(...own))}`;
  const canvas = $('own-chart');
  const {clientWidth: width, clientHeight: height} = canvas;
  if (width === 0) return;
  const ratio = devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext('2d');
  context.scale(ratio, ratio);
  context.fillStyle = getComputedStyle(canvas).getPropertyValue('--accent');
  const step = width / 120, top = Math.max(...own);
  own.forEach((value, i) => {
    const tall = Math.max(value / top * (height - 1), 1);
    context.fillRect(i * step, height - tall, Math.max(step - 1, 1), tall);
  });
}

/// Looks every two seconds for as long as the page is seen; complain(error) when that fails.
export function watchTraffic(complain) {
  const turn = async () => {
    if (!document.hidden) {
      try {
        await look();
      } catch (error) {
        complain(error);
      }
    }
    setTimeout(turn, 2000);
  };
  turn();
  return look;
}
