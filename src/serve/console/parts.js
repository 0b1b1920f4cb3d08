// The page's building blocks. Text only ever becomes text nodes.

/// An element: el('li', {class: 'new', onclick: f}, child, 'text', …); null children are left out.
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) {
      element.addEventListener(name.slice(2), value);
    } else if (value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? '' : value);
    }
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}

export const $ = id => document.getElementById(id);

const hues = new Map();

/// Spreads the first-level codes over the colour circle by where their items lie on the map, seen
/// from its middle: codes that are neighbours there look alike.
export function colourCodes({x, y, codes}) {
  const middles = new Map();
  let [wholeX, wholeY] = [0, 0];
  codes.forEach((code, i) => {
    if (!middles.has(code)) middles.set(code, {x: 0, y: 0, items: 0});
    const middle = middles.get(code);
    middle.x += x[i];
    middle.y += y[i];
    middle.items += 1;
    wholeX += x[i] / codes.length;
    wholeY += y[i] / codes.length;
  });
  const angle = ({x: sumX, y: sumY, items}) => Math.atan2(sumY / items - wholeY, sumX / items - wholeX);
  const around = [...middles].sort((a, b) => angle(a[1]) - angle(b[1]));
  hues.clear();
  around.forEach(([code], i) => hues.set(code, Math.round(i / around.length * 360)));
}

/// In degrees. Codes that no item had at first get what is left.
export const hueOf = code => hues.get(code) ?? Math.round(code * 137.508 % 360);

/// The small square in a first-level code's colour, as on the map.
export function tile(code) {
  const square = el('span', {class: 'tile'});
  square.style.setProperty('--hue', hueOf(code));
  return square;
}

/// An item's semantic tokens as buttons, the first one with its colour.
export function tokens(codes, look) {
  return el('span', {class: 'tokens'}, ...codes.map((code, i) =>
    el('button', {
      type: 'button', title: `Token of level ${i + 1}: ${code}`, 'data-token': `${i + 1}/${code}`,
      onclick: () => look(i + 1, code),
    }, i === 0 ? tile(code) : null, String(code))));
}

/// An item's collaborative tokens, which are many: shown where they are asked for.
export function collaborativeTokens(codes, look) {
  if (codes === undefined) return null;
  return el('details', {class: 'quiet collaborative'}, el('summary', {}, `${codes.length} collaborative tokens`),
    el('span', {class: 'tokens'}, ...codes.map((code, i) =>
      el('button', {
        type: 'button', title: `Collaborative token ${i + 1}: ${code}`, 'data-token': `c${i + 1}/${code}`,
        onclick: () => look(`c${i + 1}`, code),
      }, String(code)))));
}

/// A row of a list: title and, below it, tokens and id. `before` and `after` are elements beside.
export function row(item, act, {before = null, after = [], note = null} = {}) {
  return el('li', {'data-id': item.id},
    before,
    el('div', {class: 'what'},
      el('button', {class: 'title', type: 'button', title: item.title, onclick: () => act.look(item.id)},
        item.title || item.id),
      el('div', {class: 'under'},
        tokens(item.codes ?? [], act.lookAtToken),
        item.live ? el('span', {class: 'live'}, 'live') : null,
        el('span', {class: 'id'}, item.id),
        note)),
    ...after.filter(Boolean));
}

export const addButton = (item, act) => el('button', {
  class: 'add', type: 'button', title: 'Add to the history', 'aria-label': `Add ${item.title} to the history`,
  onclick: () => act.add(item),
}, '+');

/// One line of a bar chart around zero: name, bar, number. `largest` is half the width.
export function bar(name, value, largest) {
  const line = el('i', value < 0 ? {class: 'minus'} : {});
  const share = largest > 0 ? Math.abs(value) / largest * 50 : 0;
  line.style.setProperty('--share', `${share}%`);
  line.style.setProperty('--from', `${value < 0 ? 50 - share : 50}%`);
  return [el('span', {title: name}, name), line, el('b', {}, value.toFixed(2).replace('-', '−'))];
}

export const count = number => number.toLocaleString('en');

export const time = milliseconds =>
  milliseconds < 10 ? `${milliseconds.toFixed(1)} ms` : `${Math.round(milliseconds)} ms`;
