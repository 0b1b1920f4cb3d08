#!/usr/bin/env python3
"""The console in a real browser: clicks, types and looks, with a model of a simulated shop.

    console_test.py TESSERA SCREENSHOTS

TESSERA is the program, SCREENSHOTS a directory for pictures. Ends with 77 (skipped) where Chromium or
ChromeDriver is not installed or Chromium cannot start at all, as in some containers.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.dont_write_bytecode = True
from browser import Browser, eventually, programs  # noqa: E402

HOSTILE = "<img src=x onerror=document.title='hurt'> & \"so on\""
# The default recipe, small: with as many collaborative tokens as it has.
TINY = ("codebook_size=16 epochs=4 semantic_dims=16 hidden=16 feed_forward=32 max_length=8 batch_users=64 "
        "collaborative_epochs=4 encoder_hidden=32 negatives=64 levels=3 id_dims=6").split()


class Server:
    """`tessera serve` on a free port."""

    def __init__(self, program, model, *options):
        self.process = subprocess.Popen(
            [program, "--threads", "1", "serve", "--model", model, "--listen", "127.0.0.1:0", "--access-log", "",
             *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        found = re.search(r"http://\S+", self.process.stdout.readline())
        if not found:
            self.stop()
            raise AssertionError("tessera serve did not start")
        self.address = found.group()

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        self.process.stdout.close()


class ConsoleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        path = cls.directory.name
        cls.model = f"{path}/model"
        tessera = [PROGRAM, "--threads", "1"]
        for command in (["simulate", "--users", "400", "--items", "600", "--seed", "3", "--out", f"{path}/shop"],
                        ["embed", "--dims", "32", "--data", f"{path}/shop"],
                        ["train", "--data", f"{path}/shop", "--out", cls.model,
                         *(word for setting in TINY for word in ("--set", setting))]):
            subprocess.run(tessera + command, check=True, stdout=subprocess.DEVNULL)
        cls.server = Server(PROGRAM, cls.model)
        cls.log = open(f"{path}/chromedriver.log", "w")
        cls.browser = Browser(*programs(), cls.log)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.log.close()
        cls.server.stop()
        cls.directory.cleanup()

    def setUp(self):
        self.browser.size(1400, 900)
        self.browser.scheme("light")
        self.open(self.server.address)

    def tearDown(self):
        self.assertEqual(self.browser.complaints(), [])

    def open(self, address):
        self.browser.open("about:blank")
        self.browser.open(address)
        eventually(lambda: self.browser.run("return document.body.dataset.ready === 'yes'"))

    def shot(self, name, whole=False):
        self.browser.screenshot(os.path.join(SCREENSHOTS, name + ".png"), whole)

    def recommended(self):
        return self.browser.run("return [...document.querySelectorAll('#recommendations > li')].map(e => e.dataset.id)")

    def search(self, words):
        self.browser.run("document.getElementById('search').value = ''")
        self.browser.type("#search", words)
        eventually(lambda: "found" in self.browser.text("#found-note") or "first" in self.browser.text("#found-note"))

    def make_history(self, items=3):
        for i in range(items):
            self.browser.click(f"#found li:nth-child({i + 2}) .add")
        eventually(lambda: len(self.browser.all("#history li")) == items and self.recommended())

    def tile(self):
        """A place on the map, in the viewport, where a tile is."""
        return eventually(lambda: self.browser.run("""
            const canvas = document.getElementById('map'), box = canvas.getBoundingClientRect();
            const {width, height} = canvas;
            const data = canvas.getContext('2d').getImageData(0, 0, width, height).data;
            for (let i = width * Math.floor(height / 2); i < width * height; ++i) {
              if (data[4 * i + 3] < 190) continue;
              return [box.left + i % width * box.width / width + 1, box.top + Math.floor(i / width) * box.height / height + 1];
            }
            return null"""))

    def picture(self):
        return self.browser.run("return document.getElementById('map').toDataURL()")

    def test_fetches_nothing_from_elsewhere(self):
        fetched = self.browser.run("return performance.getEntriesByType('resource').map(e => e.name)")
        self.assertGreater(len(fetched), 5)
        for address in fetched:
            self.assertTrue(address.startswith(self.server.address + "/"), address)
        with urllib.request.urlopen(self.server.address) as page:
            self.assertIn("default-src 'self'", page.headers["Content-Security-Policy"])
        self.assertIn("600 items", self.browser.text("#model"))
        self.assertFalse(self.browser.text("#notice"))

    def test_recommendations_follow_every_click(self):
        browser = self.browser
        item = self.server.call("GET", "/v1/items?prefix=S0000&limit=1")["items"][0]
        self.search(item["title"].split()[0])
        words = item["title"].split()[0].lower()
        for title in browser.texts("#found .title"):
            self.assertIn(words, title.lower())
        browser.click("#found li:nth-child(1) .add")
        first = eventually(self.recommended)
        self.assertEqual(len(first), 20)
        expected = self.server.call("POST", "/v1/recommend", {
            "history": browser.run("return [...document.querySelectorAll('#history li')].map(e => e.dataset.id)"),
            "k": 20, "titles": True, "scores": True})["items"]
        self.assertEqual(first, [item["id"] for item in expected])
        self.assertEqual(browser.texts("#recommendations .title"), [item["title"] for item in expected])
        self.assertEqual([float(text) for text in browser.texts("#recommendations .score")],
                         [float(f"{item['score']:.2f}") for item in expected])
        self.assertEqual(browser.texts("#recommendations li:first-child .tokens button"),
                         [str(code) for code in expected[0]["codes"]])

        browser.click("#recommendations li:nth-child(5) .add")
        second = eventually(lambda: self.recommended() != first and self.recommended())
        self.assertNotIn(first[4], second)
        self.assertEqual(browser.text("#past-count"), "2")
        self.assertTrue(browser.all("#recommendations .moved"))
        self.assertIn("ms", browser.text("#next-time"))

        browser.click("#repeats")
        eventually(lambda: self.recommended() != second)
        browser.click("#repeats")
        eventually(lambda: self.recommended() == second)

        self.open(browser.run("return location.href"))
        self.assertEqual(eventually(self.recommended), second)
        browser.click("#history li:nth-child(2) .drop")
        eventually(lambda: self.recommended() == first)
        browser.click("#clear")
        eventually(lambda: not self.recommended())
        self.assertTrue(browser.run("return !location.hash && !document.getElementById('past-note').hidden"))

    def test_works_from_the_keyboard(self):
        browser = self.browser
        browser.press("/")
        browser.press(*"S0001")
        eventually(lambda: "first 30" in browser.text("#found-note"))
        browser.press("Enter")
        eventually(self.recommended)
        browser.press("ArrowDown", "ArrowDown", "Enter")
        eventually(lambda: browser.text("#past-count") == "2")
        chosen = browser.run("return [...document.querySelectorAll('#history li')].map(e => e.dataset.id)")
        found = browser.run("return [...document.querySelectorAll('#found li')].map(e => e.dataset.id)")
        self.assertEqual(chosen, found[:2])
        browser.run("document.getElementById('tab-item').focus()")
        browser.press("ArrowRight")
        self.assertTrue(browser.run("return !document.getElementById('panel-code').hidden"))
        before = self.picture()
        browser.run("document.getElementById('map').focus()")
        browser.press("+", "+", "ArrowRight")
        eventually(lambda: self.picture() != before)
        browser.press("0")

    def test_says_why(self):
        browser = self.browser
        self.make_history()
        browser.click("#recommendations li:nth-child(2) .why")
        browser.one("#recommendations li:nth-child(2) .reasons")
        groups = browser.run("""return [...document.querySelectorAll('.reasons .bars')].map(
            group => [...group.querySelectorAll('b')].map(e => Number(e.innerText.replace('−', '-'))))""")
        score = float(browser.text("#recommendations li:nth-child(2) .score"))
        self.assertAlmostEqual(sum(groups[0]), score, delta=0.05)
        self.assertEqual(len(groups[1]), 3)
        self.shot("why")
        browser.click("#recommendations li:nth-child(2) .why")
        self.assertFalse(browser.all(".reasons"))

    def test_shows_a_token_and_its_items(self):
        browser = self.browser
        before = self.picture()
        level, code = browser.run("return document.querySelectorAll('#found .tokens button')[1].dataset.token").split("/")
        browser.click("#found li:first-child .tokens button:nth-child(2)")
        eventually(lambda: browser.all("#panel-code li"))
        token = self.server.call("GET", f"/v1/tokens/{level}/{code}?limit=1000")
        self.assertIn(f"{token['count']} item", browser.text("#panel-code"))
        shown = browser.run("return [...document.querySelectorAll('#panel-code li')].map(e => e.dataset.id)")
        self.assertEqual(shown, [item["id"] for item in token["items"]][:40])
        self.assertTrue(browser.all("#panel-code .facts .tokens button"))
        eventually(lambda: self.picture() != before)
        self.shot("token")

    def test_shows_collaborative_tokens_where_they_are_asked_for(self):
        browser = self.browser
        self.make_history()
        self.assertIn("3 tokens each of 16 codes, 32 collaborative", browser.text("#model"))
        for panel in "found", "history", "recommendations":
            self.assertEqual(
                browser.run(f"return [...document.querySelectorAll('#{panel} li')].filter("
                            "e => e.querySelectorAll('.tokens button').length != 3).length"), 0, panel)
        browser.click("#recommendations li:nth-child(1) .title")
        eventually(lambda: browser.text("#item-title"))
        id = self.recommended()[0]
        item = self.server.call("GET", f"/v1/items/{id}")
        browser.click("#panel-item .collaborative summary")
        self.assertEqual(browser.texts("#panel-item .collaborative button"),
                         [str(code) for code in item["collaborative_codes"]])
        self.shot("collaborative")
        browser.click("#panel-item .collaborative button:nth-child(7)")
        eventually(lambda: browser.all("#panel-code li"))
        token = self.server.call("GET", f"/v1/tokens/c7/{item['collaborative_codes'][6]}?limit=1000")
        self.assertIn(f"collaborative, 7 of 32, {token['count']} item", browser.text("#panel-code"))
        shown = browser.run("return [...document.querySelectorAll('#panel-code li')].map(e => e.dataset.id)")
        self.assertEqual(shown, [item["id"] for item in token["items"]][:40])

    def test_the_map_can_be_looked_at(self):
        browser = self.browser
        x, y = self.tile()
        browser.point(x, y)
        title = eventually(lambda: browser.text("#map-tip"))
        browser.point(x, y, click=True)
        self.assertEqual(eventually(lambda: browser.text("#item-title")), title)
        before = self.picture()
        browser.wheel(x, y, -400)
        zoomed = eventually(lambda: self.picture() != before and self.picture())
        browser.drag(x, y, 60, 40)
        eventually(lambda: self.picture() != zoomed)
        browser.click("#zoom-all")
        eventually(lambda: self.picture() == before)

    def test_a_cold_item_lands_and_is_recommended(self):
        browser = self.browser
        self.make_history()
        best = self.server.call("GET", f"/v1/items/{self.recommended()[0]}")
        browser.click("#tab-add")
        browser.type("#add-id", "cold/1 ü")
        browser.type("#add-title", HOSTILE)
        browser.type("#add-text", best["title"])
        browser.click("#add-put")
        eventually(lambda: browser.text("#added #item-title") == HOSTILE)
        eventually(lambda: "…" not in browser.text("#added .who"))
        self.assertRegex(browser.text("#added .who"), r"This history\s+\d")
        self.assertTrue(browser.all("#added li"))
        eventually(lambda: "601 items, 1 live" in browser.text("#model"))
        self.shot("cold-item")
        browser.click("#tab-item")
        self.search("cold/1")
        browser.click("#found .title")
        eventually(lambda: browser.text("#panel-item #item-title") == HOSTILE)
        browser.click("#panel-item #erase")
        eventually(lambda: "is gone" in browser.text("#panel-item"))
        eventually(lambda: "600 items" in browser.text("#model"))
        self.assertNotEqual(browser.run("return document.title"), "hurt")

    def test_shows_the_traffic(self):
        browser = self.browser
        self.make_history()
        browser.click("#tab-traffic")
        eventually(lambda: any("POST /v1/recommend" in row for row in browser.texts("#routes tr")))
        eventually(lambda: re.match(r"\d", browser.text("#pulse-p99")))
        eventually(lambda: re.match(r"\d", browser.text("#pulse-rate")))
        self.assertRegex(browser.text("#own-times"), r"median .* ms")
        eventually(lambda: re.search(r"minutes old.*does not know \S+ % of \d", browser.text("#freshness")))
        self.shot("traffic")

    def open_wishes(self):
        self.browser.click("#wishes summary")
        eventually(lambda: self.browser.run("return document.getElementById('wishes').open"))

    def test_filters_and_rules_change_the_lists(self):
        browser = self.browser
        self.make_history()
        plain = eventually(self.recommended)
        history = browser.run("return [...document.querySelectorAll('#history li')].map(e => e.dataset.id)")
        self.open_wishes()
        browser.click("#add-condition")  # the keyboard goes on in its first box
        browser.run("""const select = document.activeElement;
            select.value = 'price'; select.dispatchEvent(new Event('change', {bubbles: true}))""")
        browser.type("#conditions input", "30")
        expected = self.server.call("POST", "/v1/recommend", {"history": history, "k": 20, "filter": "price < 30"})
        eventually(lambda: self.recommended() == [item["id"] for item in expected["items"]])
        self.assertNotEqual(self.recommended(), plain)
        browser.click("#add-cap")
        browser.run("""const box = document.querySelector('#caps input');
            box.value = '1'; box.dispatchEvent(new Event('input', {bubbles: true}))""")
        label = browser.run("return document.querySelector('#caps select').value")
        rules = {"caps": [{"key": label, "most": 1}]}
        capped = self.server.call("POST", "/v1/recommend",
                                  {"history": history, "k": 20, "filter": "price < 30", "rules": rules})
        eventually(lambda: self.recommended() == [item["id"] for item in capped["items"]])
        self.assertEqual(browser.text("#wishes-note"), "2 at work")
        browser.click("#recommendations li:nth-child(2) .why")
        eventually(lambda: "in place 2 with them" in browser.text(".reasons .ruled"))
        self.shot("wishes")
        browser.run("document.querySelector('#conditions .plain').focus()")
        browser.press("Enter")
        browser.run("document.querySelector('#caps .plain').focus()")
        browser.press("Enter")
        eventually(lambda: self.recommended() == plain)

    def test_rules_are_made_from_the_keyboard(self):
        browser = self.browser
        self.make_history()
        plain = eventually(self.recommended)
        history = browser.run("return [...document.querySelectorAll('#history li')].map(e => e.dataset.id)")
        at = "const at = document.activeElement; return at.id || at.getAttribute('aria-label')"
        browser.run("document.querySelector('#wishes summary').focus()")
        for key in ("Enter", "Tab", "Tab", "Enter"):
            browser.press(key)
        self.assertIn("adds to the score", browser.run(at))  # what the boost adds: 1
        browser.press("Tab")
        self.assertEqual(browser.run(at), "Attribute")
        for _ in range(20):  # the row is drawn anew with every step, and the keyboard stays
            if browser.run("return document.activeElement.value") == "in_stock":
                break
            browser.press("ArrowDown")
            self.assertEqual(browser.run(at), "Attribute")
        browser.press("Tab")
        browser.press("ArrowDown")  # from "is true" to "is false"
        self.assertEqual(browser.run(at), "Comparison")
        rules = {"boosts": [{"filter": {"key": "in_stock", "match": False}, "add": 1}]}
        expected = self.server.call("POST", "/v1/recommend", {"history": history, "k": 20, "rules": rules})
        eventually(lambda: self.recommended() == [item["id"] for item in expected["items"]])
        browser.press("Tab")
        browser.press("Enter")
        self.assertEqual(browser.run(at), "add-condition")
        eventually(lambda: self.recommended() == plain)
        browser.run("""const box = document.getElementById('blend');
            box.value = 1; box.dispatchEvent(new Event('input', {bubbles: true}))""")
        self.assertEqual(browser.text("#wishes-note"), "1 at work")
        browser.click("#history li .drop")
        eventually(lambda: len(browser.all("#history li")) == 2)
        blended = self.server.call("POST", "/v1/recommend", {"history": history[1:], "k": 20, "blend": {"share": 1}})
        eventually(lambda: self.recommended() == [item["id"] for item in blended["items"]])
        browser.size(390, 844, True)
        small = browser.run("""return [...document.querySelectorAll('#wishes button, #wishes select, #wishes summary')]
            .filter(e => e.offsetParent && Math.min(e.offsetWidth, e.offsetHeight) < 40).map(e => e.id || e.tagName)""")
        self.assertEqual(small, [], "a finger needs 40 pixels")
        self.shot("wishes-phone", whole=True)

    def test_edits_attributes(self):
        browser = self.browser
        self.make_history()
        browser.click("#recommendations li:nth-child(1) .title")
        id = self.recommended()[0]
        before = self.server.call("GET", f"/v1/items/{id}")["attributes"]
        browser.one("#panel-item .attributes")
        browser.run("document.querySelector('[data-attribute=price]').value = ''")
        browser.type("[data-attribute=price]", "12.5\n")
        eventually(lambda: self.server.call("GET", f"/v1/items/{id}")["attributes"]["price"] == 12.5)
        self.assertEqual(self.server.call("GET", f"/v1/items/{id}")["attributes"], {**before, "price": 12.5})
        self.server.call("PATCH", f"/v1/items/{id}", {"attributes": {"price": before["price"]}})

    def test_shows_variants(self):
        browser = self.browser
        served = Server(PROGRAM, "a=" + self.model, "--model", "b=" + self.model, "--split", "a=75,b=25")
        try:
            self.open(served.address)
            self.make_history()
            for i in range(40):
                request = urllib.request.Request(
                    served.address + "/v1/recommend", b'{"history": ["S000012"]}', {"X-Request-Id": f"r{i}"})
                with urllib.request.urlopen(request) as answer:
                    answer.read()
                shown = served.call("POST", "/v1/impressions", {"request_id": f"r{i}", "items": ["S000001"]})
                self.assertIn(shown["variant"], ("a", "b"))
            browser.run("document.getElementById('tab-traffic').focus()")
            browser.press("ArrowRight")
            eventually(lambda: "click-through" in browser.text("#variants"))
            self.assertEqual(browser.texts("#variants thead th"), ["", "a", "b"])
            rows = browser.run("""return [...document.querySelectorAll('#variants tbody tr')].map(
                row => [...row.children].map(cell => cell.innerText))""")
            cells = {row[0]: row[1:] for row in rows}
            self.assertEqual(cells["share of users"], ["75.0 %", "25.0 %"])
            self.assertEqual(sum(int(text) for text in cells["lists shown"]), 40)
            self.assertRegex(cells["click-through"][0], r"0.00 % \(0.00 % to \d+")
            self.shot("variants")
            self.open_wishes()
            browser.run("""const select = document.getElementById('variant');
                select.value = 'b'; select.dispatchEvent(new Event('input', {bubbles: true}))""")
            eventually(lambda: browser.text("#wishes-note") == "" and self.recommended())
        finally:
            served.stop()
        self.open(self.server.address)
        browser.complaints()  # of the page whose service ended

    def test_both_schemes_and_a_phone(self):
        browser = self.browser
        grounds = []
        for scheme in ("light", "dark"):
            browser.scheme(scheme)
            for name, width, height, phone in (("desktop", 1400, 900, False), ("tablet", 900, 1100, False),
                                               ("phone", 390, 844, True)):
                browser.size(width, height, phone)
                self.open(self.server.address)
                self.make_history()
                browser.click("#recommendations li:nth-child(1) .title")
                eventually(lambda: browser.text("#item-title"))
                browser.click("#panel-item .collaborative summary")
                eventually(lambda: "…" not in browser.text("#panel-item .who"))
                browser.run("window.scrollTo(0, 0)")
                wide = browser.run("return document.documentElement.scrollWidth - innerWidth")
                self.assertLessEqual(wide, 0, f"{name} scrolls sideways")
                lists = browser.run("""return [...document.querySelectorAll('.items, [role=tabpanel]')]
                    .filter(e => e.scrollWidth > e.clientWidth).map(e => e.id || e.className)""")
                self.assertEqual(lists, [], f"on {name} these scroll sideways")
                self.shot(f"{name}-{scheme}", whole=phone)
            grounds.append(browser.run("return getComputedStyle(document.body).backgroundColor"))
        self.assertNotEqual(*grounds)
        small = browser.run("""return [...document.querySelectorAll('.add, .drop, .why')].filter(e => e.offsetParent)
            .map(e => Math.min(e.offsetWidth, e.offsetHeight)).filter(side => side < 40).length""")
        self.assertEqual(small, 0, "a finger needs 40 pixels")

    def test_asks_for_a_token_where_one_is_needed(self):
        browser = self.browser
        tokens = os.path.join(self.directory.name, "tokens")
        with open(os.open(tokens, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write("read open-sesame-please\nwrite open-sesame-and-enter\n")
        guarded = Server(PROGRAM, self.model, "--token-file", tokens)
        try:
            self.open(guarded.address)
            self.assertIn("token", browser.text("#notice").lower())
            browser.type("#token", "open-sesame-please\n")
            eventually(lambda: browser.all("#found li"))
            eventually(lambda: not browser.text("#notice"))
            browser.click("#tab-add")
            browser.type("#add-id", "1")
            browser.type("#add-title", "Lamp\n")
            eventually(lambda: browser.text("#notice"))
            browser.type("#token", "open-sesame-and-enter\n")
            eventually(lambda: not browser.text("#notice"))
        finally:
            guarded.stop()
        eventually(lambda: "does not answer" in browser.text("#notice"))
        browser.complaints()  # the refusals, as expected


if __name__ == "__main__":
    PROGRAM, SCREENSHOTS = sys.argv[1:3]
    if not all(programs()):
        print("skipped: install chromium and chromium-driver to test the console")
        sys.exit(77)
    try:
        Browser(*programs(), subprocess.DEVNULL).close()
    except AssertionError as error:
        print(f"skipped: Chromium does not start on this machine: {error}")
        sys.exit(77)
    os.makedirs(SCREENSHOTS, exist_ok=True)
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
