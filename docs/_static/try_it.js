// The page "Try it": a photo or the camera, boxes, and a table that says the same in words.

import { FaceReader, VideoReader } from "./faces.js";

const byId = (id) => document.getElementById(`try-${id}`);
const folder = new URL("./try_it/", import.meta.url);
// What is transparent is laid over black, as the library does.
const options = { alpha: false, willReadFrequently: true };
const canvas = byId("picture"), context = canvas.getContext("2d", options);
// Pixels are taken from another canvas: the visible one shows a picture and its own boxes.
const taken = document.createElement("canvas").getContext("2d", options);
// The number of the choice that counts: what was begun before the last one is dropped.
let reader, stream, current, choice = 0, work = Promise.resolve();

// A network computes one thing at a time, and a photo may be chosen while the camera is read.
function inTurn(job) {
  work = work.then(job, job);
  return work;
}

function say(text) {
  byId("status").textContent = text;
}

async function load() {
  try {
    const ort = await import(new URL("ort.wasm.min.mjs", folder));
    ort.env.wasm.wasmPaths = folder.href;
    // Threads share memory, which browsers allow only to sites that ask them to be isolated.
    ort.env.wasm.numThreads = crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1;
    reader = await FaceReader.load(ort, folder);
  } catch (error) {
    say(`The networks could not be loaded (${error.message}), so nothing can be tried here.`);
    return;
  }
  byId("head").replaceChildren(tableRow(["Face", "Emotion", "Confidence", ...reader.classes], "th"));
  byId("threshold").value = Math.round(100 * reader.threshold);
  byId("threshold-value").textContent = `${byId("threshold").value} %`;
  for (const name of ["photo", "camera", "threshold"]) byId(name).disabled = false;
  say("Ready. Choose a photo, or start the camera.");
}

async function showPhoto(file) {
  const mine = stopCamera();
  let photo;
  try {
    photo = await createImageBitmap(file);
  } catch {
    if (mine === choice) say("This file is not a picture that the browser can read.");
    return;
  }
  if (mine !== choice) return;
  say("Looking for faces…");
  const scale = Math.min(1, 1280 / Math.max(photo.width, photo.height));
  const pixels = pixelsOf(photo, photo.width * scale, photo.height * scale);
  // The browser shows the words before it is busy with the picture.
  await new Promise((done) => setTimeout(done));
  try {
    const faces = await inTurn(() => reader.read(pixels));
    if (mine !== choice) return;
    current = { pixels, faces };
    show();
  } catch (error) {
    if (mine === choice) say(`The faces could not be found (${error.message}).`);
  }
}

function pixelsOf(source, width, height) {
  const [w, h] = [width, height].map((length) => Math.max(1, Math.round(length)));
  Object.assign(taken.canvas, { width: w, height: h });
  taken.drawImage(source, 0, 0, w, h);
  return taken.getImageData(0, 0, w, h);
}

function name(probabilities) {
  const best = Math.max(...probabilities);
  const sure = best >= byId("threshold").value / 100;
  return [sure ? reader.classes[probabilities.indexOf(best)] : reader.notSure, best];
}

function show() {
  const { pixels, faces } = current;
  Object.assign(canvas, { hidden: false, width: pixels.width, height: pixels.height });
  context.putImageData(pixels, 0, 0);
  const rows = faces.map(({ box, probabilities }, i) => {
    const [emotion, best] = name(probabilities), text = `${i + 1}: ${emotion} ${percent(best)}`;
    drawBox(box, text);
    return [i + 1, emotion, percent(best), ...probabilities.map(percent)];
  });
  byId("faces").replaceChildren(...rows.map((cells) => tableRow(cells, "td")));
  byId("table").hidden = !faces.length;
  canvas.setAttribute("aria-label", `Picture with ${faces.length} faces found; the table below describes them.`);
  const named = rows.map(([i, emotion, confidence]) => `Face ${i}: ${emotion}, ${confidence}`);
  // A camera would talk without end: the status changes only where the answer does.
  const text = faces.length ? named.map((part) => (stream ? part.replace(/, .*/, "") : part)).join("; ") : "No face found.";
  if (byId("status").textContent !== text) say(text);
}

function drawBox([left, top, width, height], text) {
  // As large on the screen whatever the size of the picture.
  const scale = canvas.width / canvas.clientWidth, line = 2.5 * scale, font = 16 * scale;
  context.lineWidth = line;
  context.strokeStyle = "#fff";
  context.strokeRect(left, top, width, height);
  context.strokeStyle = "#0a58ca";
  context.strokeRect(left - line / 2, top - line / 2, width + line, height + line);
  context.font = `${font}px sans-serif`;
  const y = Math.max(top, font * 1.4);
  context.fillStyle = "#0a58ca";
  context.fillRect(left - line, y - font * 1.4, context.measureText(text).width + font, font * 1.4);
  context.fillStyle = "#fff";
  context.fillText(text, left + font / 2 - line, y - font * 0.4);
}

function tableRow(cells, kind) {
  const row = document.createElement("tr");
  for (const text of cells) row.append(Object.assign(document.createElement(kind), { textContent: text }));
  if (kind === "th") for (const cell of row.cells) cell.scope = "col";
  return row;
}

const percent = (share) => `${Math.round(100 * share)} %`;

async function startCamera() {
  const mine = stopCamera(), video = byId("video");
  try {
    const started = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
    if (mine !== choice) return stop(started);
    stream = video.srcObject = started;
    byId("camera").textContent = "Stop the camera";
    await video.play();
    const frames = new VideoReader(reader, 0.25);
    while (mine === choice && started.active) {
      const pixels = pixelsOf(video, video.videoWidth, video.videoHeight);
      const faces = await inTurn(() => frames.next(pixels, performance.now() / 1000));
      if (mine !== choice) return;
      current = { pixels, faces };
      show();
      await new Promise(requestAnimationFrame);
    }
    if (mine !== choice) return;
    stopCamera();
    say("The camera gives no more pictures. Start it again, or choose a photo.");
  } catch (error) {
    if (mine !== choice) return;
    stopCamera();
    say(`The camera cannot be used (${error.name}). Choose a photo instead.`);
  }
}

/** Stop the camera, and drop whatever was begun; return the number of the new choice. */
function stopCamera() {
  if (stream) stop(stream);
  stream = null;
  byId("camera").textContent = "Start the camera";
  return ++choice;
}

function stop(camera) {
  camera.getTracks().forEach((track) => track.stop());
}

byId("photo").addEventListener("change", ({ target }) => target.files[0] && showPhoto(target.files[0]));
byId("camera").addEventListener("click", () => (stream ? stopCamera() : startCamera()));
byId("threshold").addEventListener("input", ({ target }) => {
  byId("threshold-value").textContent = `${target.value} %`;
  if (current) show();
});
load();
// For tests and for the curious.
window.tryIt = { get reader() { return reader; }, get current() { return current; } };
