// The panels below the map: an item, a token, a new item.
import * as api from './api.js';
import {attributeForm} from './wishes.js';
import {$, addButton, bar, collaborativeTokens, count, el, row, tile, tokens} from './parts.js';

const tabs = ['item', 'code', 'add', 'traffic', 'variants'];
const manySimilar = 8, manyItems = 40, deepest = 1000;

/// app: {history(): ids, repeats(): bool, map, act: {look, lookAtToken, add}, changed(), complain(error),
/// model(): as the API describes it, wishes(): what recommendations are asked for with}.
export function details(app) {
  let turn = 0;  // an answer to an earlier choice is late and dropped
  const latest = async work => {
    const mine = ++turn;
    try {
      await work(() => mine === turn);
    } catch (error) {
      if (mine === turn) app.complain(error);
    }
  };

  function show(name, focus = false) {
    for (const tab of tabs) {
      $(`panel-${tab}`).hidden = tab !== name;
      $(`tab-${tab}`).setAttribute('aria-selected', tab === name);
      $(`tab-${tab}`).tabIndex = tab === name ? 0 : -1;
    }
    if (focus) $(`tab-${name}`).focus();
    if (name !== 'code') app.map.mark({some: null});
  }
  tabs.forEach((name, i) => {
    const tab = $(`tab-${name}`);
    tab.addEventListener('click', () => show(name));
    tab.addEventListener('keydown', event => {
      const step = {ArrowLeft: tabs.length - 1, ArrowRight: 1}[event.key];
      if (step) show(tabs[(i + step) % tabs.length], true);
    });
  });

  const list = items => el('div', {class: 'panel-list'},
    el('ol', {class: 'items'}, ...items.map(item => row(item, app.act, {after: [
      item.cosine === undefined ? null : el('span', {class: 'score'}, item.cosine.toFixed(2)),
      addButton(item, app.act)]}))));

  /// Who would get the item: its rank after the current history, and after each similar item alone.
  function whoWouldGetIt(id, likes, isLatest) {
    const lines = el('div', {class: 'who'});
    const histories = likes.slice(0, 4).map(like => [`Someone with “${like.title || like.id}”`, [like.id]]);
    if (app.history().length > 0) histories.unshift(['This history', app.history()]);
    const places = histories.map(([name]) => {
      const place = el('b', {}, '…');
      lines.append(el('span', {title: name}, name), place);
      return place;
    });
    const fill = async () => {
      for (const [i, [, history]] of histories.entries()) {
        const {data} = await api.recommend(history, deepest, true);
        if (!isLatest()) return;
        const rank = data.items.findIndex(item => item.id === id);
        places[i].textContent = rank < 0 ? `beyond ${count(deepest)}` : count(rank + 1);
      }
    };
    fill().catch(app.complain);
    return el('div', {}, el('h4', {}, `Its rank among ${count(app.model().items)} items for`), lines);
  }

  async function showItem(panel, id, isLatest) {
    const {data: item} = await api.getItem(id);
    const {data: {items: likes}} = await api.similar(id, manySimilar);
    if (!isLatest()) return;
    app.map.put(item.id, item.place, item.codes[0] ?? -1);
    app.map.mark({chosen: item.id});
    app.map.reveal(item.id);
    const erase = el('button', {type: 'button', id: 'erase', onclick: async () => {
      try {
        await api.deleteItem(item.id);
        app.map.remove(item.id);
        app.map.mark({chosen: null});
        panel.replaceChildren(el('p', {class: 'quiet'}, `${item.title || item.id} is gone.`));
        app.changed();
      } catch (error) {
        app.complain(error);
      }
    }}, 'Erase');
    panel.replaceChildren(
      el('div', {class: 'facts'}, el('h3', {id: 'item-title'}, item.title || item.id),
        el('span', {class: 'actions'}, item.live ? erase : null,
          el('button', {type: 'button', class: 'main', onclick: () => app.act.add(item)}, 'Add to history'))),
      el('div', {class: 'facts quiet'}, tokens(item.codes, app.act.lookAtToken),
        el('span', {}, item.id), item.live ? el('span', {class: 'live'}, 'live: put over the API') : null),
      collaborativeTokens(item.collaborative_codes, app.act.lookAtToken) ?? '',
      item.attributes === undefined ? '' : attributeForm(item.attributes, app.model().attributes ?? {}, async changes => {
        try {
          await api.patchItem(item.id, changes);
          app.changed();
          await showItem(panel, id, isLatest);
        } catch (error) {
          app.complain(error);
        }
      }),
      whoWouldGetIt(item.id, likes, isLatest),
      el('h4', {}, 'Similar items, by cosine'), list(likes));
  }

  function lookAtItem(id) {
    show('item');
    latest(isLatest => showItem($('panel-item'), id, isLatest));
  }

  /// level: from 1, or c1, c2 … of the collaborative tokens.
  function lookAtToken(level, code) {
    show('code');
    latest(async isLatest => {
      const {data: token} = await api.getToken(level, code, deepest);
      if (!isLatest()) return;
      app.map.mark({some: new Set(token.items.map(item => item.id))});
      const near = token.nearest.filter(other => other.code !== code).slice(0, 6);
      $('panel-code').replaceChildren(
        el('div', {class: 'facts'},
          el('h3', {}, level === 1 ? tile(code) : null, `Token ${code}`),
          el('span', {class: 'quiet'}, token.level ? `level ${token.level} of ${app.model().levels}, `
               : `collaborative, ${token.part} of ${app.model().collaborative_tokens}, `,
             `${count(token.count)} ${token.count === 1 ? 'item' : 'items'}`)),
        near.length === 0 ? null : el('div', {class: 'facts quiet'}, 'nearest codes',
          el('span', {class: 'tokens'}, ...near.map(other => el('button', {
            type: 'button', title: `cosine ${other.cosine.toFixed(2)}`, onclick: () => lookAtToken(level, other.code),
          }, level === 1 ? tile(other.code) : null, String(other.code))))),
        list(token.items.slice(0, manyItems)),
        token.count > manyItems ? el('p', {class: 'quiet'}, `and ${count(token.count - manyItems)} more; the map shows all`) : null);
    });
  }

  $('add-form').addEventListener('submit', event => {
    event.preventDefault();
    const id = $('add-id').value.trim(), title = $('add-title').value.trim(), text = $('add-text').value.trim();
    latest(async isLatest => {
      // The text encoder reads the title as the first part of the text, as in item_text.json.
      await api.putItem(id, title, text && `${title};${text}`);
      app.changed();
      await showItem($('added'), id, isLatest);
      app.map.land(id);
      $('added').scrollIntoView({block: 'nearest'});
      $('map-frame').scrollIntoView({block: 'nearest'});
    });
  });

  /// What the rules did to it.
  function ruled(rules, bars) {
    if (rules === undefined) return [];
    const place = at => at === null ? 'in no place' : `in place ${at}`;
    const words = [`${place(rules.place_without)} without the rules, ${place(rules.place)} with them`,
      ...(rules.pinned ? ['pinned'] : []), ...(rules.buried ? ['buried'] : []),
      ...(rules.too_low ? ['below the least score'] : []), ...rules.full.map(cap => `full: ${cap}`)];
    return [el('h4', {}, 'What the rules did'), el('p', {class: 'ruled'}, words.join('; ')),
            bars(rules.parts.map(({rule, adds}) => [rule, adds]))];
  }

  /// Why an item was recommended, as a part of its row.
  async function reasons(id) {
    const {k, blend, ...wishes} = app.wishes();  // which is no part of a score
    const {data: why} = await api.explain(app.history(), id, k, wishes);
    const parts = [...why.tokens.map(({level, code, contribution}) => [`token ${level}, code ${code}`, contribution]),
                   ...(why.collaborative ? [['collaborative tokens', why.collaborative.contribution]] : []),
                   ['ID token', why.id_token.contribution]];
    const events = why.history.map(event => [event.title || event.id, event.contribution]);
    const bars = pairs => {
      const largest = Math.max(...pairs.map(([, value]) => Math.abs(value)));
      return el('div', {class: 'bars'}, ...pairs.flatMap(([name, value]) => bar(name, value, largest)));
    };
    return el('div', {class: 'reasons'},
      el('h4', {}, 'What its tokens add to the score'), bars(parts),
      el('h4', {}, 'What the score would lose without'), bars(events), ...ruled(why.rules, bars));
  }

  return {lookAtItem, lookAtToken, reasons};
}
