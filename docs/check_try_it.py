"""Check the page *Try it* of a built site in headless Chromium.

``python docs/check_try_it.py <folder of the site>`` compares what the page says of a photo with
what the library says, starts a camera that plays the photo, looks at the page on a phone, and
prints what is wrong. Without Chromium or onnxruntime-web it says so, and checks nothing.
"""

import shutil
import sys
import tempfile
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

# Largest difference of a probability, and of a box in pixels.
PROBABILITY, PIXELS = 0.02, 2
SECONDS = 60


class Handler(SimpleHTTPRequestHandler):
    """Serve modules and WebAssembly as what they are, without a word."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def served(folder):
    """Serve a folder on a free port; yield the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


@contextmanager
def browser(video):
    """Start Chromium with a video in place of the camera."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for option in (
        "headless=new",
        "no-sandbox",
        "disable-dev-shm-usage",
        "use-fake-ui-for-media-stream",
        "use-fake-device-for-media-stream",
        f"use-file-for-fake-video-capture={video}",
    ):
        options.add_argument(f"--{option}")
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def write_video(pixels, path):
    """Write a photo as an uncompressed video of one frame."""
    grey, blue, red = np.moveaxis(np.asarray(Image.fromarray(pixels).convert("YCbCr")), -1, 0)
    height, width = grey.shape
    halves = [plane[::2, ::2].tobytes() for plane in (blue, red)]
    header = f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\nFRAME\n".encode()
    path.write_bytes(header + grey.tobytes() + b"".join(halves))


def compare(seen, faces, probabilities, what, *, pixels=PIXELS):
    """Yield what the page says differently."""
    if len(seen) != len(faces):
        yield f"{what}: {len(seen)} faces, expected {len(faces)}"
        return
    for one, face, expected in zip(seen, faces, probabilities, strict=True):
        far = np.abs(np.subtract(one["box"], face.box)).max()
        different = np.abs(np.subtract(one["probabilities"], expected)).max()
        print(f"{what}: box within {far:.2f} pixels, probabilities within {different:.4f}")
        if far > pixels or different > PROBABILITY:
            yield f"{what}: {one}, expected {face} and {expected}"


class Page:
    """The page in a browser."""

    def __init__(self, driver, address):
        from selenium.webdriver.support.ui import WebDriverWait

        self.driver, self.address = driver, address
        self.wait = WebDriverWait(driver, SECONDS).until
        driver.get(f"{address}/try_it.html")
        self.wait(lambda _: self.part("photo").is_enabled())

    def part(self, name):
        """Return an element of the page."""
        return self.driver.find_element("id", f"try-{name}")

    def script(self, code):
        """Return the value of an expression."""
        return self.driver.execute_script(f"return {code}")

    @property
    def faces(self):
        """The faces that are shown, or None."""
        return self.script("tryIt.current?.faces")

    def press(self, *keys):
        """Press keys, wherever the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()


def check_photo(page, photo, faces, probabilities):
    """Yield what is wrong with a photo, and with what is said of it."""
    from selenium.webdriver.common.keys import Keys

    page.part("photo").send_keys(str(photo))
    page.wait(lambda _: page.faces)
    yield from compare(page.faces, faces, probabilities, "photo")
    if page.part("status").text.count("Face ") != len(faces):
        yield f"the status says {page.part('status').text!r}"
    page.driver.execute_script("arguments[0].focus()", page.part("threshold"))
    page.press(Keys.END)
    if "not sure" not in page.part("status").text:
        yield "the page is sure below its threshold"
    page.press(Keys.HOME)
    if "not sure" in page.part("status").text:
        yield "the page is not sure above its threshold"


def check_camera(page, faces, probabilities):
    """Yield what is wrong with a camera that is started and stopped by keyboard."""
    from selenium.webdriver.common.keys import Keys

    page.script("tryIt.current.faces.length = 0")
    page.driver.execute_script("arguments[0].focus()", page.part("photo"))
    page.press(Keys.TAB)
    page.press(Keys.SPACE)
    page.wait(lambda _: page.faces)
    # Chromium moves and scales the video to the size that the page asks for.
    yield from compare(page.faces, faces, probabilities, "camera", pixels=np.inf)
    milliseconds = page.driver.execute_async_script(FRAMES)
    yield from compare(page.faces, faces, probabilities, "followed", pixels=np.inf)
    print(f"camera: {milliseconds:.0f} ms a frame")
    page.press(Keys.SPACE)
    page.wait(lambda _: page.part("camera").text == "Start the camera")


def check_stopping(page):
    """Yield what is wrong where the camera is started twice before it is there, and stopped."""
    page.driver.execute_script(STREAMS)
    page.driver.execute_script("for (const i of [1, 2]) arguments[0].click()", page.part("camera"))
    page.wait(lambda _: page.part("camera").text == "Stop the camera")
    page.wait(lambda _: page.script("streams.length") == 2)
    page.part("camera").click()
    page.wait(lambda _: page.part("camera").text == "Start the camera")
    if page.script("streams.some(({ active }) => active)"):
        yield "a camera that was stopped is still on"


def check_unplugging(page):
    """Yield what is wrong where the camera is unplugged while it is read."""
    page.script("tryIt.current.faces.length = 0")
    page.part("camera").click()
    page.wait(lambda _: page.faces)
    page.script("streams.at(-1).getTracks().forEach((track) => track.stop())")
    page.wait(lambda _: page.part("camera").text == "Start the camera")
    if "no more pictures" not in page.part("status").text:
        yield f"of an unplugged camera, the page says {page.part('status').text!r}"


# Remember what the camera gives.
STREAMS = """
const media = navigator.mediaDevices, ask = media.getUserMedia.bind(media);
window.streams = [];
media.getUserMedia = async (what) => {
  const stream = await ask(what);
  streams.push(stream);
  return stream;
};
"""

# Wait for twenty frames, and return the milliseconds of one.
FRAMES = """
const done = arguments[0], start = performance.now();
let last = tryIt.current, frames = 0;
function look() {
  if (tryIt.current !== last) { last = tryIt.current; frames++; }
  if (frames < 20) requestAnimationFrame(look); else done((performance.now() - start) / frames);
}
look();
"""
NAMES = {"photo": "Photo:", "camera": "Start the camera", "threshold": "Say “not sure” below"}


def check_access(page):
    """Yield what is wrong on a phone, and for a screen reader."""
    page.driver.set_window_size(400, 800)
    if page.script("document.documentElement.scrollWidth > innerWidth"):
        yield "the page is wider than a phone"
    for name, expected in NAMES.items():
        if page.part(name).accessible_name != expected:
            yield f"a screen reader calls {name} {page.part(name).accessible_name!r}"
    if "faces found" not in page.part("picture").accessible_name:
        yield f"a screen reader calls the picture {page.part('picture').accessible_name!r}"
    if page.part("status").aria_role != "status":
        yield "changes of the status are not announced"


def check(driver, address, photo):
    """Yield what is wrong."""
    from fer_estimators import load_pretrained
    from fer_estimators.faces import FaceDetector

    pixels = np.asarray(Image.open(photo))
    detector = FaceDetector()
    faces = detector.detect(pixels)
    probabilities = load_pretrained("ferplus-compact").predict_proba(detector.crop(pixels, faces))
    page = Page(driver, address)
    yield from check_photo(page, photo, faces, probabilities)
    yield from check_camera(page, faces, probabilities)
    yield from check_stopping(page)
    yield from check_unplugging(page)
    yield from check_access(page)
    asked = page.script("performance.getEntriesByType('resource').map(e => e.name)")
    elsewhere = [name for name in asked if not name.startswith((address, "blob:", "data:"))]
    if elsewhere:
        yield f"the page asked elsewhere for {elsewhere}"


@contextmanager
def opened(site):
    """Serve a site to a browser whose camera shows a portrait; yield driver, address and photo."""
    from skimage import data

    with tempfile.TemporaryDirectory() as folder:
        photo, video = Path(folder) / "photo.png", Path(folder) / "photo.y4m"
        Image.fromarray(data.astronaut()).save(photo)
        write_video(data.astronaut(), video)
        with served(site) as address, browser(video) as driver:
            yield driver, address, photo


def measure(site):
    """Return the milliseconds that a frame of the camera takes."""
    with opened(site) as (driver, address, _):
        page = Page(driver, address)
        page.part("camera").click()
        page.wait(lambda _: page.faces)
        return driver.execute_async_script(FRAMES)


def main():
    """Check the site whose folder is named."""
    site = Path(sys.argv[1])
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if not (site / "_static/try_it/ort.wasm.min.mjs").exists():
        missing.append("onnxruntime-web")
    if missing:
        print(f"Try it: not checked, because this is missing: {', '.join(missing)}")
        return
    with opened(site) as (driver, address, photo):
        faults = list(check(driver, address, photo))
    print("\n".join(faults) or "Try it: no fault found")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
