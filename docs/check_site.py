"""Check a built site: ``python docs/check_site.py docs/_build/html``.

Every link between pages must lead somewhere, every picture must be there, nothing may be fetched
from elsewhere, parameters must have names, and the search must know the library's. Where Chromium
is installed, some pages are also laid out, wide and narrow, light and dark: nothing may stick out,
a figure is shown for one theme only, and the search is tried.
"""

import functools
import html
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself; a plain link is only followed by a reader.
FETCHED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
SEARCHED = ("CNNClassifier", "load_fer2013", "onnx", "video", "webcam")
LAID_OUT = (
    "index.html",
    "getting_started.html",
    "guide/evaluation.html",
    "guide/faces.html",
    "guide/how_do_i.html",
    "examples.html",
    "auto_examples/01_quickstart.html",
    "auto_examples/14_photo_to_emotion.html",
    "api/index.html",
    "api/generated/fer_estimators.CNNClassifier.html",
    "model_cards/ferplus-compact.html",
    "robustness.html",
)
WIDTHS = (390, 1280)
# How a constructor looks whose parameters were not found.
NAMELESS = re.compile(r'<span class="pre">args</span>.{,200}<span class="pre">kwargs</span>')
# Shows a page in a frame of a phone's width (a window cannot be that narrow) and measures it.
PROBE = """<body><pre id="answer"></pre><script>
const asked = new URLSearchParams(location.search);
localStorage.setItem("mode", asked.get("theme"));
localStorage.setItem("theme", asked.get("theme"));
const frame = document.createElement("iframe");
frame.style = `width: ${asked.get("width")}px; height: 900px; border: 0`;
frame.src = asked.get("page");
const scrolls = e => ["auto", "scroll"].includes(getComputedStyle(e).overflowX);
frame.onload = () => setTimeout(() => {
  const page = frame.contentDocument, root = page.documentElement;
  // What sticks out is cut off, unless something around it scrolls.
  const sticksOut = e => {
    if (e.getBoundingClientRect().right <= root.clientWidth + 1) return false;
    for (let p = e.parentElement; p && !p.matches(".bd-article"); p = p.parentElement)
      if (scrolls(p)) return false;
    return true;
  };
  const shown = [...page.images].filter(i => i.offsetWidth).map(i => i.src);
  document.getElementById("answer").textContent = JSON.stringify({
    over: [...page.querySelectorAll(".bd-article *")].filter(sticksOut).map(e => e.innerText),
    theme: root.dataset.theme,
    missing: [...page.images].filter(i => i.loading != "lazy" && !i.naturalWidth).map(i => i.src),
    twice: shown.filter(src => src.endsWith(".png")
      && shown.includes(src.replace(".png", "_dark.png"))),
    found: page.querySelectorAll("#search-results li").length,
  });
}, 3000);
document.body.append(frame);
</script></body>"""


class Page(HTMLParser):
    """Collect what a page links to and fetches, its anchors, and whether parameters lack names."""

    def __init__(self, path):
        super().__init__()
        self.links, self.fetched, self.anchors = [], [], set()
        text = path.read_text(encoding="utf-8")
        self.nameless = NAMELESS.search(text) is not None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Look at one tag."""
        attrs = dict(attrs)
        self.anchors |= {attrs[key] for key in ("id", "name") if attrs.get(key)}
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        if tag in FETCHED and attrs.get(FETCHED[tag]):
            self.fetched.append(attrs[FETCHED[tag]])


def find_faults(root):
    """Yield one line for each fault of the site in the folder `root`."""
    files = [path for path in sorted(root.rglob("*.html")) if "_static" not in path.parts]
    pages = {path.resolve(): Page(path) for path in files}
    for path, page in pages.items():
        name = path.relative_to(root.resolve())
        if page.nameless:
            yield f"{name}: shows (*args, **kwargs) for parameters"
        for url in page.fetched:
            if urlsplit(url).netloc:
                yield f"{name}: fetches {url}"
        for url in {*page.links, *page.fetched}:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{name}: {url} does not exist"
            elif (
                parts.fragment
                and target in pages
                and unquote(parts.fragment) not in pages[target].anchors
            ):
                yield f"{name}: {url} has no such anchor"
    index = (root / "searchindex.js").read_text(encoding="utf-8")
    for word in SEARCHED:
        if word not in index:
            yield f"searchindex.js: {word} is not in it"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serve the site, and the page that measures the others."""

    def do_GET(self):
        """Answer one request."""
        if not self.path.startswith("/probe?"):
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        return self.wfile.write(PROBE.encode())

    def log_message(self, *args):
        """Say nothing."""


def measure(browser, url):
    """Return what the probe says of one page."""
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--disable-background-networking", "--virtual-time-budget=20000"]
    command += ["--window-size=1400,1000", url]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=180).stdout
    answer = re.search(r'<pre id="answer">(.+?)</pre>', dom)
    return json.loads(html.unescape(answer[1])) if answer else None


def find_layout_faults(root, browser):
    """Yield one line for each page that does not fit, lacks a picture, or finds nothing."""
    handler = functools.partial(Handler, directory=root)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        start = f"http://127.0.0.1:{server.server_port}/probe?"
        for page in LAID_OUT:
            for theme, width in (("light", WIDTHS[0]), ("dark", WIDTHS[1])):
                seen = measure(browser, f"{start}page={page}&theme={theme}&width={width}")
                where = f"{page} ({theme}, {width} pixels)"
                if seen is None or seen["theme"] != theme:
                    yield f"{where}: not shown, the browser said {seen}"
                    continue
                yield from (f"{where}: {text!r} sticks out" for text in seen["over"][:3])
                yield from (f"{where}: {image} is missing" for image in seen["missing"])
                yield from (f"{where}: {image} is shown for both themes" for image in seen["twice"])
        for word in SEARCHED:
            page = f"search.html%3Fq%3D{word}"
            seen = measure(browser, f"{start}page={page}&theme=light&width={WIDTHS[1]}")
            if not seen or not seen["found"]:
                yield f"search.html: {word} is not found, the browser said {seen}"
        server.shutdown()


def main():
    """Print the faults, and fail if there are any."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/_build/html")
    faults = list(find_faults(root))
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser:
        faults += find_layout_faults(root, browser)
    else:
        print("no Chromium here: layout and search were not tried")
    print(*faults, sep="\n" if faults else "")
    n_pages = len(list(root.rglob("*.html")))
    print(f"{n_pages} pages, {len(faults)} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
