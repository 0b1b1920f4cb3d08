// Requests to the service, with the time each took.

const times = [];  // of the latest round trips, in milliseconds
const kept = 120;
let token = sessionStorage.getItem('tessera-token') ?? '';

export const roundTrips = () => times;

export function useToken(text) {
  token = text;
  sessionStorage.setItem('tessera-token', text);
}

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function send(method, path, body) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const start = performance.now();
  let response;
  try {
    response = await fetch(path, {method, headers, body: body && JSON.stringify(body)});
  } catch {
    throw new Refused(0, 'The service does not answer.');
  }
  const text = await response.text();
  const milliseconds = performance.now() - start;
  if (!response.ok) {
    let message = `${method} ${path}: status ${response.status}`;
    try {
      message = JSON.parse(text).error.message;
    } catch { /* not from the API: the status says it all */ }
    throw new Refused(response.status, message);
  }
  return {text, milliseconds};
}

/// The answer's JSON as `data` (nothing for an empty answer) and its `milliseconds`.
export async function ask(method, path, body) {
  const {text, milliseconds} = await send(method, path, body);
  times.push(milliseconds);
  if (times.length > kept) times.shift();
  return {data: text ? JSON.parse(text) : undefined, milliseconds};
}

export const askText = async path => (await send('GET', path)).text;

const item = id => `/v1/items/${encodeURIComponent(id)}`;

export const getItem = id => ask('GET', item(id));
export const putItem = (id, title, text) => ask('PUT', item(id), text ? {title, text} : {title});
export const deleteItem = id => ask('DELETE', item(id));
export const similar = (id, k) => ask('GET', `${item(id)}/similar?k=${k}`);
export const find = (words, limit) =>
  ask('GET', `/v1/items?prefix=${encodeURIComponent(words)}&limit=${limit}`);
export const patchItem = (id, attributes) => ask('PATCH', item(id), {attributes});
/// `wishes`: filter, rules and variant.
export const recommend = (history, k, repeats, wishes = {}) => ask('POST', '/v1/recommend', {
  history, k, repeats, skip_unknown: true, titles: true, scores: true, ...wishes});
export const explain = (history, id, k, wishes = {}) =>
  ask('POST', '/v1/explain', {history, item: id, k, skip_unknown: true, ...wishes});
export const getToken = (level, code, limit) => ask('GET', `/v1/tokens/${level}/${code}?limit=${limit}`);
export const getMap = () => ask('GET', '/v1/map');
export const getModel = () => ask('GET', '/v1/model');
