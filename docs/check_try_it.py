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


def check(driver, address, photo):
    """Yield what is wrong."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    from fer_estimators import load_pretrained
    from fer_estimators.faces import FaceDetector

    wait = WebDriverWait(driver, SECONDS).until
    pixels = np.asarray(Image.open(photo))
    detector = FaceDetector()
    faces = detector.detect(pixels)
    probabilities = load_pretrained("ferplus-compact").predict_proba(detector.crop(pixels, faces))

    def part(name):
        return driver.find_element(By.ID, f"try-{name}")

    def script(code):
        return driver.execute_script(f"return {code}")

    driver.get(f"{address}/try_it.html")
    wait(lambda _: part("photo").is_enabled())
    part("photo").send_keys(str(photo))
    wait(lambda _: script("tryIt.current"))
    yield from compare(script("tryIt.current.faces"), faces, probabilities, "photo")
    if part("status").text.count("Face ") != len(faces):
        yield f"the status says {part('status').text!r}"
    driver.execute_script(
        "const t = arguments[0]; t.value = 100; t.dispatchEvent(new Event('input'))",
        part("threshold"),
    )
    if "not sure" not in part("status").text:
        yield "the page is sure below its threshold"
    script("tryIt.current.faces.length = 0")
    part("camera").click()
    wait(lambda _: script("tryIt.current.faces.length"))
    # Chromium moves and scales the video to the size that the page asks for.
    yield from compare(script("tryIt.current.faces"), faces, probabilities, "camera", pixels=np.inf)
    part("camera").click()
    driver.set_window_size(400, 800)
    if script("document.documentElement.scrollWidth > innerWidth"):
        yield "the page is wider than a phone"
    names = ("photo", "camera", "threshold")
    if not all(script(f"document.getElementById('try-{name}').tabIndex >= 0") for name in names):
        yield "a control cannot be reached by keyboard"
    elsewhere = [
        name
        for name in script("performance.getEntriesByType('resource').map(e => e.name)")
        if not name.startswith((address, "blob:", "data:"))
    ]
    if elsewhere:
        yield f"the page asked elsewhere for {elsewhere}"


def main():
    """Check the site whose folder is named."""
    site = Path(sys.argv[1])
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if not (site / "_static/try_it/ort.wasm.min.mjs").exists():
        missing.append("onnxruntime-web")
    if missing:
        print(f"Try it: not checked, for want of {', '.join(missing)}")
        return
    from skimage import data

    with tempfile.TemporaryDirectory() as folder:
        photo, video = Path(folder) / "photo.png", Path(folder) / "photo.y4m"
        Image.fromarray(data.astronaut()).save(photo)
        write_video(data.astronaut(), video)
        with served(site) as address, browser(video) as driver:
            faults = list(check(driver, address, photo))
    print("\n".join(faults) or "Try it: no fault found")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
