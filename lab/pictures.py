"""`python -m lab.pictures`: the pictures of the docs, made from runs on a simulated shop.

    python -m lab.pictures --out docs/pictures --work pictures-work [--program build/tessera]

The catalogue's map, the curve of diversity and a shop that is refreshed month by month are SVG that follows the reader's
light or dark ground. The console is photographed in Chromium, once each, where the program and Chromium are given.
Runs lie in the work folder and are not made twice.
"""

import argparse
import html
import subprocess
import time
import urllib.request
from pathlib import Path

import numpy as np
import tessera_rec as tessera

WIDTH, HEIGHT = 560, 320
LEFT, TOP, RIGHT, BOTTOM = 56, 34, 150, 46
HUES = ("#3366cc", "#d9541e", "#2a9d5c", "#9b4dca", "#c9a400", "#0e9aa7", "#d6336c", "#6b7280")
STYLE = (
    "<style>text{font:12px sans-serif;fill:#24292f}.q{fill:#57606a;font-size:11px}.t{font-weight:bold}"
    ".g{stroke:#d0d7de}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.q{fill:#9198a1}.g{stroke:#3d444d}}</style>"
)


def svg(title, body, width=WIDTH, height=HEIGHT):
    label = html.escape(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">'
        f'{STYLE}<text class="t" x="{LEFT}" y="18">{label}</text>{body}</svg>\n'
    )


def legend(names):
    return "".join(
        f'<circle cx="{WIDTH - RIGHT + 16}" cy="{TOP + 18 * i + 8}" r="4" fill="{hue}"/>'
        f'<text x="{WIDTH - RIGHT + 26}" y="{TOP + 18 * i + 12}">{html.escape(name)}</text>'
        for i, (name, hue) in enumerate(zip(names, HUES))
    )


def curves(title, across, up, lines, ticks=None):
    """Lines {name: [(x, y)]} on axes that begin where the values do, rounded outwards."""
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y for points in lines.values() for _, y in points]
    (x0, x1), (y0, y1) = (min(xs), max(xs)), (0.95 * min(ys), 1.05 * max(ys))
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(x, y):
        return LEFT + wide * (x - x0) / max(x1 - x0, 1e-9), TOP + high * (1 - (y - y0) / max(y1 - y0, 1e-9))

    out = []
    for i in range(5):
        y = y0 + (y1 - y0) * i / 4
        at = place(x0, y)[1]
        out.append(f'<path class="g" d="M{LEFT} {at:.1f}h{wide}"/><text class="q" x="{LEFT - 6}" y="{at + 4:.1f}" '
                   f'text-anchor="end">{y:.3f}</text>')  # fmt: skip
    for x in ticks or [x0 + (x1 - x0) * i / 4 for i in range(5)]:
        text = f"{x:g}" if ticks else f"{x:.2f}"
        out.append(f'<text class="q" x="{place(x, y0)[0]:.1f}" y="{HEIGHT - 28}" text-anchor="middle">{text}</text>')
    out.append(f'<text class="q" x="{LEFT + wide / 2}" y="{HEIGHT - 8}" text-anchor="middle">{across}</text>')
    out.append(f'<text class="q" x="6" y="{TOP - 6}">{up}</text>')
    for hue, points in zip(HUES, lines.values()):
        at = [place(x, y) for x, y in points]
        out.append(f'<polyline fill="none" stroke="{hue}" stroke-width="2" points="'
                   + " ".join(f"{x:.1f},{y:.1f}" for x, y in at) + '"/>')  # fmt: skip
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{hue}"/>' for x, y in at]
    return svg(title, "".join(out) + legend(lines))


def made_shop(work):
    if not (work / "shop" / "embeddings.npy").exists():
        tessera.simulate(work / "shop", users=3000, items=1500).embed(dims=128)
    return tessera.Dataset(work / "shop")


def made_model(work, data, name, **how):
    if not (work / name / "config.json").exists():
        tessera.fit(data, work / name, progress=False, **how)
    return tessera.Model(work / name)


def draw_map(model, data):
    """The catalogue in the principal plane of its item vectors, coloured by department."""
    departments = [text.split(";")[3].split(" > ")[0] for text in data.texts]
    names = sorted(set(departments))
    places = np.asarray(model.vectors(model.item_ids), np.float64)
    places -= places.mean(axis=0)
    axes = np.linalg.svd(places, full_matrices=False)[2][:2]
    plane = places @ axes.T
    low, high = np.quantile(plane, [0.005, 0.995], axis=0)
    plane = ((plane - low) / (high - low)).clip(0, 1)
    colour = dict(zip(names, HUES))
    numbers = {item: i for i, item in enumerate(data.item_ids)}
    dots = "".join(
        f'<circle cx="{LEFT + x * (WIDTH - LEFT - RIGHT):.0f}" cy="{TOP + y * (HEIGHT - TOP - 20):.0f}" r="2" '
        f'fill="{colour[departments[numbers[item]]]}" fill-opacity=".7"/>'
        for item, (x, y) in list(zip(model.item_ids, plane))[::2]
    )  # fmt: skip
    return svg("The map of a catalogue: item vectors by department", dots + legend(names))


def draw_diversity(model, data):
    """NDCG@10 of the last purchases against how unlike the items of a list are, as the rule `diversity` grows."""
    histories = [data.history(user) for user in data.user_ids]
    targets = [history[-1] for history in histories]
    known = [history[:-1] for history in histories]
    unit = data.embeddings / np.maximum(np.linalg.norm(data.embeddings, axis=1, keepdims=True), 1e-12)
    row = {item: i for i, item in enumerate(data.item_ids)}
    points = []
    for share in (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9):
        rules = {"diversity": share} if share else None
        lists = model.recommend_many(known, k=10, rules=rules).items
        gains, unlike = [], []
        for target, found in zip(targets, lists):
            found = [item for item in found if item is not None]
            place = list(found).index(target) if target in found else None
            gains.append(0.0 if place is None else 1 / np.log2(place + 2))
            vectors = unit[[row[item] for item in found]]
            pairs = vectors @ vectors.T
            n = len(found)
            unlike.append(1 - (pairs.sum() - n) / max(1, n * (n - 1)))
        points.append((float(np.mean(unlike)), float(np.mean(gains))))
    return curves("What diversity costs: lists of ten, rule `diversity` from 0 to 0.9",
                  "how unlike the items of a list are", "NDCG@10", {"last purchase": points})  # fmt: skip


def draw_refresh(work, data):
    """Hits of each month's first purchases, by a model that was refreshed before it and one that was not."""
    times = np.asarray(data.times)
    user = np.repeat(np.arange(len(data.user_ids)), np.diff(data.offsets))
    cuts = np.quantile(times, [0.6, 0.7, 0.8, 0.9, 1.0])
    events, ids = np.asarray(data.events), np.asarray(data.item_ids)
    names, texts = np.asarray(data.user_ids), dict(zip(data.item_ids, data.texts))

    def model_before(period):
        seen = times < cuts[period]
        part = work / f"part{period}"
        if not (part / "embeddings.npy").exists():
            rows = {"user": list(names[user[seen]]), "item": list(ids[events[seen]]), "time": times[seen]}
            sold = sorted(set(rows["item"]))
            items = {"item": sold, "text": [texts[i] for i in sold]}
            tessera.prepare(rows, part, items=items, time_unit="s").embed(dims=128)
        how = dict(epochs=8, collaborative_epochs=4, collaborative_tokens=8, patience=8)  # seconds, not the best
        return made_model(work, tessera.Dataset(part), f"before{period}", **how)

    lines = {"refreshed": [], "as it was": []}
    stale = model_before(0)
    for period in range(len(cuts) - 1):
        for name, model in ("refreshed", model_before(period)), ("as it was", stale):
            known, targets = [], []
            have = set(model.item_ids)
            for u in range(len(names)):
                mine = np.arange(data.offsets[u], data.offsets[u + 1])
                before = [ids[events[e]] for e in mine if times[e] < cuts[period] and ids[events[e]] in have]
                ahead = [ids[events[e]] for e in mine if cuts[period] <= times[e] < cuts[period + 1]]
                if before and ahead:
                    known.append(before)
                    targets.append(ahead[0])
            lists = model.recommend_many(known, k=10).items
            hits = np.mean([target in found for target, found in zip(targets, lists)])
            lines[name].append((period + 1, float(hits)))
    return curves("A shop refreshed over time: hits of the next purchase", "period", "HR@10", lines,
                  list(range(1, len(cuts))))  # fmt: skip


def photograph(work, out, program):
    """The console, light and dark."""
    address = "127.0.0.1:18473"
    server = subprocess.Popen([program, "serve", "--model", work / "model", "--listen", address, "--access-log", "none"])
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://{address}/readyz")
                break
            except OSError:
                time.sleep(0.2)
        for name, scheme in ("light", 1), ("dark", 0):
            subprocess.run(
                ["chromium", "--headless=new", "--no-sandbox", "--hide-scrollbars", "--window-size=1100,760",
                 f"--blink-settings=preferredColorScheme={scheme}", "--virtual-time-budget=8000",
                 f"--screenshot={out / f'console-{name}.png'}", f"http://{address}/#user=U000007"],
                check=True, stderr=subprocess.DEVNULL,
            )  # fmt: skip
    finally:
        server.terminate()
        server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--work", type=Path, default=Path("pictures-work"))
    parser.add_argument("--program", help="the command line's program; without it the console is left out")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    given.work.mkdir(parents=True, exist_ok=True)
    data = made_shop(given.work)
    model = made_model(given.work, data, "model")
    pictures = {"map": lambda: draw_map(model, data), "diversity": lambda: draw_diversity(model, data),
                "refresh": lambda: draw_refresh(given.work, data)}  # fmt: skip
    for name, draw in pictures.items():
        (given.out / f"{name}.svg").write_text(draw(), "utf-8")
        print(given.out / f"{name}.svg", flush=True)
    if given.program:
        photograph(given.work, given.out, given.program)


if __name__ == "__main__":
    main()
