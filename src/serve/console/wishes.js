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
  let schema = {}, conditions = [], caps = [];
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

  function conditionRow(condition, i) {
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
    return el('div', {class: 'wish'},
      select('Attribute', names().map(name => [name, name]), condition.key, key => update(
        {key, type: schema[key], sign: signs[schema[key]][0][1], value: ''})),
      select('Comparison', signs[condition.type], condition.sign, sign => update({sign})),
      operand, drop(`the filter on ${condition.key}`, conditions, i));
  }

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

  function show() {
    $('conditions').replaceChildren(...conditions.map(conditionRow));
    $('caps').replaceChildren(...caps.map(capRow));
  }

  $('add-condition').addEventListener('click', () => {
    const key = names()[0], type = schema[key];
    conditions.push({key, type, sign: signs[type][0][1], value: ''});
    show();
    $('conditions').lastElementChild.querySelector('select').focus();
    changed();
  });
  $('add-cap').addEventListener('click', () => {
    caps.push({key: names('labels')[0], most: 2});
    show();
    $('caps').lastElementChild.querySelector('input').focus();
    changed();
  });
  for (const id of ['diversity', 'popularity', 'new-share', 'variant']) $(id).addEventListener('input', changed);

  return {
    /// Another model: its attributes, and the variants that there are.
    about(model) {
      schema = model.attributes ?? {};
      conditions = conditions.filter(({key, type}) => schema[key] === type);
      caps = caps.filter(({key}) => schema[key] === 'labels');
      $('add-condition').hidden = names().length === 0;
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
      const rules = {};
      if (caps.length) rules.caps = caps.map(({key, most}) => ({key, most}));
      const amounts = {diversity: 'diversity', popularity_penalty: 'popularity', new_share: 'new-share'};
      for (const [rule, id] of Object.entries(amounts)) {
        if (Number($(id).value) > 0) rules[rule] = Number($(id).value);
      }
      const count = must.length + Object.keys(rules).length;
      $('wishes-note').textContent = count ? `${count} at work` : '';
      return {...(must.length ? {filter: {must}} : {}), ...(Object.keys(rules).length ? {rules} : {}),
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
