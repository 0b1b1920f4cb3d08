// The catalogue as a plane of tiles: one for each item, in the colour of its first code.
import {hueOf} from './parts.js';

const reach = 12;  // how near the pointer must be, in pixels
const largestZoom = 200;
const landingTime = 900;  // milliseconds

export class CatalogueMap {
  /// on.choose(id) when a tile is clicked; on.hover(id or null, x, y) as the pointer moves.
  constructor(canvas, on) {
    this.canvas = canvas;
    this.on = on;
    this.ids = [];
    this.x = this.y = new Float32Array();
    this.codes = [];
    this.number = new Map();    // id → its place in the lists
    this.marks = {history: [], next: [], some: null, chosen: null};
    this.view = {x: 0, y: 0, scale: 1};
    this.pointers = new Map();
    this.listen();
    new ResizeObserver(() => this.resize()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  load({ids, x, y, codes}) {
    this.ids = ids;
    this.x = x;
    this.y = y;
    this.codes = codes;
    this.number = new Map(ids.map((id, i) => [id, i]));
    this.order = [...ids.keys()].sort((a, b) => codes[a] - codes[b]);  // a colour is set once
    this.showAll();
  }

  /// Adds an item or moves it.
  put(id, [x, y], code) {
    let i = this.number.get(id);
    if (i === undefined) {
      i = this.ids.length;
      this.ids.push(id);
      this.number.set(id, i);
      this.order.push(i);
    }
    this.x[i] = x;
    this.y[i] = y;
    this.codes[i] = code;
    this.draw();
  }

  remove(id) {
    const i = this.number.get(id);
    if (i === undefined) return;
    this.number.delete(id);
    this.x[i] = this.y[i] = NaN;  // drawn and found nowhere
    this.draw();
  }

  /// history, next: lists of ids. some: a set of ids, the others are dimmed; or null. chosen: an id.
  mark(marks) {
    Object.assign(this.marks, marks);
    this.draw();
  }

  /// Lets a ring fall onto the item, to be seen where it landed.
  land(id) {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    this.landing = {id, start: performance.now()};
    this.draw();
  }

  showAll() {
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < this.ids.length; ++i) {
      if (Number.isNaN(this.x[i])) continue;
      left = Math.min(left, this.x[i]);
      right = Math.max(right, this.x[i]);
      low = Math.min(low, this.y[i]);
      high = Math.max(high, this.y[i]);
    }
    const {clientWidth: width, clientHeight: height} = this.canvas;
    const scale = 0.92 * Math.min(width / (right - left || 1), height / (high - low || 1));
    if (!(scale > 0) || !Number.isFinite(scale)) return;
    this.whole = scale;
    this.view = {x: (left + right) / 2, y: (low + high) / 2, scale};
    this.draw();
  }

  /// Zooms by a factor about a place on the canvas, its middle unless given.
  zoom(factor, px = this.canvas.clientWidth / 2, py = this.canvas.clientHeight / 2) {
    const [x, y] = this.at(px, py);
    const scale = Math.min(Math.max(this.view.scale * factor, this.whole / 2), this.whole * largestZoom);
    this.view.x = x + (this.view.x - x) * this.view.scale / scale;
    this.view.y = y + (this.view.y - y) * this.view.scale / scale;
    this.view.scale = scale;
    this.draw();
  }

  move(dx, dy) {
    this.view.x -= dx / this.view.scale;
    this.view.y += dy / this.view.scale;
    this.draw();
  }

  /// Moves so that the item is well inside what is seen, if it is not.
  reveal(id) {
    const place = this.placeOf(id);
    if (!place) return;
    const {clientWidth: width, clientHeight: height} = this.canvas;
    const inside = place[0] > 20 && place[0] < width - 20 && place[1] > 20 && place[1] < height - 20;
    if (!inside) this.move(width / 2 - place[0], height / 2 - place[1]);
  }

  /// Canvas → plane.
  at(px, py) {
    const {clientWidth: width, clientHeight: height} = this.canvas;
    return [this.view.x + (px - width / 2) / this.view.scale, this.view.y - (py - height / 2) / this.view.scale];
  }

  /// Plane → canvas, of an item; nothing if it is not on the map.
  placeOf(id) {
    const i = this.number.get(id);
    return i === undefined ? null : this.place(i);
  }

  place(i) {
    const {clientWidth: width, clientHeight: height} = this.canvas;
    return [width / 2 + (this.x[i] - this.view.x) * this.view.scale,
            height / 2 - (this.y[i] - this.view.y) * this.view.scale];
  }

  nearest(px, py) {
    let best = -1, least = reach * reach;
    for (let i = 0; i < this.ids.length; ++i) {
      const [x, y] = this.place(i);
      const distance = (x - px) ** 2 + (y - py) ** 2;
      if (distance < least) [best, least] = [i, distance];
    }
    return best < 0 ? null : this.ids[best];
  }

  listen() {
    const canvas = this.canvas;
    const where = event => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener('wheel', event => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), ...where(event));
    }, {passive: false});
    canvas.addEventListener('pointerdown', event => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, where(event));
      if (this.pointers.size === 1) this.pressed = where(event);
      if (this.pointers.size > 1) this.pressed = null;  // two fingers zoom and choose nothing
    });
    canvas.addEventListener('pointermove', event => {
      const now = where(event), before = this.pointers.get(event.pointerId);
      if (!before) {
        this.on.hover(this.nearest(...now), ...now);
        return;
      }
      if (this.pressed && Math.hypot(now[0] - this.pressed[0], now[1] - this.pressed[1]) > 4) this.pressed = null;
      if (this.pointers.size === 2) {
        const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
        const spread = place => Math.hypot(place[0] - other[0], place[1] - other[1]) || 1;
        this.zoom(spread(now) / spread(before), ...other);
      } else if (!this.pressed) {
        this.on.hover(null);
        this.move(now[0] - before[0], now[1] - before[1]);
      }
      this.pointers.set(event.pointerId, now);
    });
    const end = event => {
      this.pointers.delete(event.pointerId);
      if (event.type === 'pointerup' && this.pressed) {
        const id = this.nearest(...this.pressed);
        if (id !== null) this.on.choose(id);
      }
      this.pressed = null;
    };
    canvas.addEventListener('pointerup', end);
    canvas.addEventListener('pointercancel', end);
    canvas.addEventListener('pointerleave', () => this.on.hover(null));
    canvas.addEventListener('keydown', event => {
      const step = 40;
      const act = {
        ArrowLeft: () => this.move(step, 0), ArrowRight: () => this.move(-step, 0),
        ArrowUp: () => this.move(0, step), ArrowDown: () => this.move(0, -step),
        '+': () => this.zoom(1.4), '=': () => this.zoom(1.4), '-': () => this.zoom(1 / 1.4), 0: () => this.showAll(),
      }[event.key];
      if (!act || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      act();
    });
  }

  resize() {
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
    this.showAll();
  }

  /// Soon, once for any number of calls.
  draw() {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      this.paint();
    });
  }

  paint() {
    const style = getComputedStyle(this.canvas);
    const colour = name => style.getPropertyValue(name).trim();
    const [light, strength] = [colour('--tile-light'), colour('--tile-colour')];
    const context = this.canvas.getContext('2d');
    const ratio = devicePixelRatio || 1;
    const {clientWidth: width, clientHeight: height} = this.canvas;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const near = Math.sqrt(this.view.scale / (this.whole || 1));
    const crowd = this.ids.length > 3000 ? 2.4 : 3.6;
    const side = Math.min(crowd * near, 11);
    const {some, history, next, chosen} = this.marks;
    const tiles = (only, alpha) => {
      context.globalAlpha = alpha;
      let last;
      for (const i of this.order ?? []) {
        if (only && only.has(this.ids[i]) !== (alpha > 0.5)) continue;
        const [x, y] = this.place(i);
        if (!(x > -side && x < width + side && y > -side && y < height + side)) continue;
        if (this.codes[i] !== last) {
          last = this.codes[i];
          context.fillStyle = last < 0 ? colour('--quiet') : `hsl(${hueOf(last)} ${strength} ${light})`;
        }
        context.fillRect(x - side / 2, y - side / 2, side, side);
      }
    };
    if (some) {
      tiles(some, 0.12);
      tiles(some, 1);
    } else {
      tiles(null, 0.8);
    }
    context.globalAlpha = 1;

    const ring = (id, half, strokes) => {
      const place = this.placeOf(id);
      if (!place) return;
      for (const [style, line] of strokes) {
        context.strokeStyle = style;
        context.lineWidth = line;
        context.strokeRect(place[0] - half, place[1] - half, half * 2, half * 2);
      }
    };
    const [panel, ink, accent] = [colour('--panel'), colour('--ink'), colour('--accent')];
    for (const id of next) ring(id, side / 2 + 2.5, [[panel, 4], [accent, 2]]);
    context.font = '600 11px system-ui, sans-serif';
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    const numbers = new Map();  // an item that comes twice keeps its last number
    history.forEach((id, i) => numbers.set(id, i + 1));
    for (const [id, number] of numbers) {
      const place = this.placeOf(id);
      if (!place) continue;
      context.beginPath();
      context.arc(place[0], place[1], 8.5, 0, 2 * Math.PI);
      context.fillStyle = ink;
      context.strokeStyle = panel;
      context.lineWidth = 1.5;
      context.fill();
      context.stroke();
      context.fillStyle = panel;
      context.fillText(String(number), place[0], place[1] + 0.5);
    }
    if (chosen !== null) ring(chosen, side / 2 + 5, [[panel, 5], [ink, 2.5]]);
    if (this.landing) {
      const left = 1 - (performance.now() - this.landing.start) / landingTime;
      if (left <= 0) {
        this.landing = null;
        return;
      }
      context.globalAlpha = 1 - left;
      ring(this.landing.id, side / 2 + 5 + 90 * left ** 2, [[accent, 2.5]]);
      this.draw();
    }
  }
}
