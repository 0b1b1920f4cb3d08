// What lists may hold and what changes their order, put together by clicking.
import {$, el} from './parts.js';

const signs = {
  labels: [['is', 'match'], ['is not', 'not'], ['is given', 'exists']],
  number: [['<', 'lt'], ['≤', 'lte'], ['=', 'match'], ['≥', 'gte'], ['>', 'gt'], ['is given', 'exists']],
  bool: [['is true', 'true'], ['is false', 'false'], ['is given', 'exists']],
  time: [['before', 'lt'], ['from', 'gte'], ['is given', 'exists']],
};
const wordless = new Set(['exists', 'true', 'false']);

/// The condition of a row, or null while it says nothing yet.
function conditionOf({key, type, sign, value}) {
  if (sign === 'exists') return {key, exists: true};
  if (wordless.has(sign)) return {key, match: sign === 'true'};
  if (value.trim() === '') return null;
  const operand = type === 'number' ? Number(value) : value.trim();
  if (Number.isNaN(operand)) return null;
  if (sign === 'match') return {key, match: operand};
  if (sign === 'not') return {must_not: [{key, match: operand}]};
  return {key, range: {[sign]: operand}};
}

/// The panel of filters and rules: changed() is called when what it asks for is another.
export function wishes({changed}) {
  let schema = {}, conditions = [], caps = [], boosts = [];
  const select = (label, options, value, onchange) => el('select', {'aria-label': label,
    onchange: event => onchange(event.target.value)},
    ...options.map(([text, word]) => el('option', {value: word, selected: word === value}, text)));
  const drop = (what, list, i) => el('button', {class: 'plain', type: 'button', title: 'Take out',
    'aria-label': `Take ${what} out`, onclick() {
      list.splice(i, 1);
      show();
      changed();
    }}, '×');
  const names = type => Object.keys(schema).filter(name => !type || schema[name] === type);

  /// What a condition is made of: attribute, comparison, value.
  function choices(condition) {
    const update = change => {
      Object.assign(condition, change);
      show();
      changed();
    };
    const operand = wordless.has(condition.sign) ? null : el('input', {
      'aria-label': `Value of ${condition.key}`, value: condition.value, size: 10, inputmode: condition.type === 'number' ? 'decimal' : undefined,
      placeholder: condition.type === 'time' ? '2026-01-31' : '', oninput(event) {
        condition.value = event.target.value;
        changed();
      }});
    return [
      select('Attribute', names().map(name => [name, name]), condition.key, key => update(
        {key, type: schema[key], sign: signs[schema[key]][0][1], value: ''})),
      select('Comparison', signs[condition.type], condition.sign, sign => update({sign})),
      operand].filter(Boolean);
  }

  const conditionRow = (condition, i) => el('div', {class: 'wish'},
    ...choices(condition), drop(`the filter on ${condition.key}`, conditions, i));

  const boostRow = (boost, i) => el('div', {class: 'wish'}, el('input', {
    type: 'number', step: 0.1, value: boost.add, 'aria-label': `What ${boost.key} adds to the score`,
    oninput(event) {
      boost.add = Number(event.target.value) || 0;
      changed();
    }}), 'more where', ...choices(boost), drop(`the boost by ${boost.key}`, boosts, i));

  const capRow = (cap, i) => el('div', {class: 'wish'}, 'at most',
    el('input', {type: 'number', min: 1, max: 1000, value: cap.most, 'aria-label': `Most of one ${cap.key}`,
      oninput(event) {
        cap.most = Math.max(1, Math.round(Number(event.target.value)) || 1);
        changed();
      }}), 'of one',
    select('Capped attribute', names('labels').map(name => [name, name]), cap.key, key => {
      cap.key = key;
      changed();
    }), drop(`the cap on ${cap.key}`, caps, i));

  const lists = {conditions: () => conditions.map(conditionRow), boosts: () => boosts.map(boostRow),
                 caps: () => caps.map(capRow)};

  /// Draws the rows anew. The keyboard stays where it was, or comes to the row that took its place.
  function show() {
    const at = document.activeElement, row = at?.closest('.wish'), list = row?.parentElement.id;
    const place = lists[list] && [[...row.parentElement.children].indexOf(row), [...row.children].indexOf(at)];
    for (const [id, rows] of Object.entries(lists)) $(id).replaceChildren(...rows());
    if (!place) return;
    const now = $(list).children[Math.min(place[0], $(list).children.length - 1)];
    (now ? now.children[place[1]] ?? now.lastElementChild : $('add-condition')).focus();
  }

  const newCondition = () => {
    const key = names()[0], type = schema[key];
    return {key, type, sign: signs[type][0][1], value: ''};
  };
  function add(list, rows, one) {
    rows.push(one);
    show();
    $(list).lastElementChild.querySelector('input, select').focus();
    changed();
  }
  $('add-condition').addEventListener('click', () => add('conditions', conditions, newCondition()));
  $('add-boost').addEventListener('click', () => add('boosts', boosts, {...newCondition(), add: 1}));
  $('add-cap').addEventListener('click', () => add('caps', caps, {key: names('labels')[0], most: 2}));
  for (const id of ['diversity', 'popularity', 'new-share', 'blend', 'variant']) $(id).addEventListener('input', changed);

  return {
    /// Another model: its attributes, and the variants that there are.
    about(model) {
      schema = model.attributes ?? {};
      conditions = conditions.filter(({key, type}) => schema[key] === type);
      boosts = boosts.filter(({key, type}) => schema[key] === type);
      caps = caps.filter(({key}) => schema[key] === 'labels');
      $('add-condition').hidden = $('add-boost').hidden = names().length === 0;
      $('add-cap').hidden = names('labels').length === 0;
      const variants = model.variants ?? [], chosen = $('variant').value;
      $('variant-choice').hidden = variants.length < 2;
      $('variant').replaceChildren(el('option', {value: ''}, 'by the split'),
        ...variants.map(name => el('option', {value: name, selected: name === chosen}, name)));
      show();
    },
    /// The fields of a request's body.
    body() {
      const must = conditions.map(conditionOf).filter(Boolean);
      const rules = {}, blend = Number($('blend').value);
      const boosted = boosts.map(boost => ({filter: conditionOf(boost), add: boost.add}))
        .filter(({filter, add}) => filter && add);
      if (boosted.length) rules.boosts = boosted;
      if (caps.length) rules.caps = caps.map(({key, most}) => ({key, most}));
      const amounts = {diversity: 'diversity', popularity_penalty: 'popularity', new_share: 'new-share'};
      for (const [rule, id] of Object.entries(amounts)) {
        if (Number($(id).value) > 0) rules[rule] = Number($(id).value);
      }
      const count = must.length + Object.keys(rules).length + (blend > 0 ? 1 : 0);
      $('wishes-note').textContent = count ? `${count} at work` : '';
      return {...(must.length ? {filter: {must}} : {}), ...(Object.keys(rules).length ? {rules} : {}),
              ...(blend > 0 ? {blend: {share: blend}} : {}),
              ...($('variant').value ? {variant: $('variant').value} : {})};
    },
  };
}

/// A form for the attributes of an item: save(changes) is called with those that are others than before.
export function attributeForm(values, schema, save) {
  const text = value => value === null ? '' : Array.isArray(value) ? value.join(', ') : String(value);
  const shown = (name, value) => schema[name] === 'time' && typeof value === 'number'
    ? new Date(value * 1000).toISOString().replace('.000Z', 'Z') : text(value);
  const read = (name, input) => {
    const written = input.value.trim();
    if (written === '') return null;
    if (schema[name] === 'number') return Number(written);
    if (schema[name] === 'bool') return written === 'true';
    return schema[name] === 'labels' ? written.split(',').map(label => label.trim()).filter(Boolean) : written;
  };
  const fields = Object.entries(values).map(([name, value]) => {
    const before = shown(name, value);
    const input = schema[name] === 'bool'
      ? el('select', {}, ...['', 'true', 'false'].map(word => el('option', {value: word, selected: word === before}, word || '–')))
      : el('input', {value: before, autocomplete: 'off', inputmode: schema[name] === 'number' ? 'decimal' : undefined});
    input.dataset.attribute = name;
    return {name, before, input};
  });
  return el('form', {class: 'attributes', onsubmit(event) {
    event.preventDefault();
    const changes = {};
    for (const {name, before, input} of fields) {
      if (input.value.trim() !== before) changes[name] = read(name, input);
    }
    if (Object.keys(changes).length) save(changes);
  }}, ...fields.map(({name, input}) => el('label', {}, `${name} `, el('span', {class: 'quiet'}, schema[name] ?? ''), input)),
  el('button', {}, 'Save attributes'));
}
