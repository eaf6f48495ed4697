// Find faces, cut them out and classify them: the steps of fer_estimators.faces in the browser.
// A picture is {data, width, height} with RGBA bytes, as ImageData is. A candidate is an array of 16
// numbers: left, top, width and height of a box, then x and y of six points, pixels of the picture.

const SAME_FACE = 0.3, PART_OF_FACE = 0.6;
const RELIABLE = 40, COARSEST = 128, FINEST = 2048, SMALLEST = 0.7, TINY = 8;
const CANDIDATE_SCORE = 0.3, MIN_SCORE = 0.54, DOUBTFUL = 0.9, CLUTTER = 0.2;
// Looks from near, size of the square in face sizes and whether it is mirrored, and at which scores.
const LOOKS = [
  { views: [[2, true]], low: 0.4, high: 1 },
  { views: [[1.5, false]], low: 0.5, high: 0.8 },
  { views: [[1.5, true], [2, false]], low: 0.5, high: 0.75 },
];
const NEAR_MIDDLE = 0.4, LEAST_SCORE = 0.1, MULTIPLE = 16;
const GRIDS = [[8, 2], [16, 6]];
// Which number takes the place of which in a mirrored candidate: the eyes and the ears change sides.
const MIRRORED_POINTS = [1, 0, 2, 3, 5, 4];
const CROP_SIDE = 1.18, CROP_BELOW = -0.11;
// Of a video: around a face, in face sizes; the least overlap at which two boxes are one face; seconds.
const REGION = 2.2, MOVED = 0.2, SEARCH_EVERY = 0.5, SMOOTHING = 0.3;

const logit = (p) => Math.log(p / (1 - p));
const expit = (x) => 1 / (1 + Math.exp(-x));
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
const mean = (rows) => rows[0].map((_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);

/** Make a picture smaller by averaging whole pixels, the rest of the way with a bilinear filter. */
export function resize(picture, width, height) {
  const factors = [picture.width / width, picture.height / height].map((n) => Math.max(1, Math.floor(n)));
  const near = Math.max(...factors) > 1 ? reduce(picture, [0, 0, picture.width, picture.height], factors) : picture;
  const columns = weights(picture.width / factors[0], width, near.width);
  const rows = weights(picture.height / factors[1], height, near.height);
  const narrow = new Float32Array(near.height * width * 4);
  for (let y = 0, target = 0; y < near.height; y++)
    for (let x = 0; x < width; x++, target += 4) {
      let source = (y * near.width + columns.start[x]) * 4;
      for (let i = columns.from[x]; i < columns.from[x + 1]; i++, source += 4)
        for (let c = 0; c < 3; c++) narrow[target + c] += columns.share[i] * near.data[source + c];
    }
  const line = width * 4, data = new Float32Array(height * line);
  for (let y = 0; y < height; y++) {
    const target = data.subarray(y * line, (y + 1) * line);
    for (let i = rows.from[y], row = rows.start[y]; i < rows.from[y + 1]; i++, row++)
      for (let x = 0; x < line; x++) target[x] += rows.share[i] * narrow[row * line + x];
    for (let x = 0; x < line; x++) target[x] = Math.round(target[x]);
  }
  return { data, width, height };
}

/** Average blocks of pixels of a part of a picture, whose outermost pixels are repeated beyond its edge. */
function reduce({ data, width, height }, [left, top, right, bottom], [across, down]) {
  const w = Math.ceil((right - left) / across), h = Math.ceil((bottom - top) / down);
  const sums = new Float32Array(w * h * 4);
  for (let y = top; y < bottom; y++) {
    const line = clamp(y, 0, height - 1) * width, row = Math.floor((y - top) / down) * w;
    for (let x = left; x < right; x++) {
      const source = (line + clamp(x, 0, width - 1)) * 4;
      const target = (row + Math.floor((x - left) / across)) * 4;
      for (let c = 0; c < 3; c++) sums[target + c] += data[source + c];
      // In the place of opacity: how many there are.
      sums[target + 3]++;
    }
  }
  return { data: sums.map((sum, i) => Math.round(sum / sums[i | 3])), width: w, height: h };
}

/** Which of `count` pixels each of `newSize` is made of: from `start` on, with the shares `from[i]` to `from[i + 1]`. */
function weights(size, newSize, count) {
  const scale = size / newSize, reach = Math.max(scale, 1), start = [], from = [0], share = [];
  for (let i = 0; i < newSize; i++) {
    const centre = (i + 0.5) * scale;
    start.push(Math.max(0, Math.floor(centre - reach + 0.5)));
    const end = Math.min(count, Math.floor(centre + reach + 0.5));
    for (let x = start[i]; x < end; x++) share.push(Math.max(0, 1 - Math.abs((x + 0.5 - centre) / reach)));
    const sum = share.slice(from[i]).reduce((a, b) => a + b, 0);
    for (let j = from[i]; j < share.length; j++) share[j] /= sum;
    from.push(share.length);
  }
  return { start: Int32Array.from(start), from: Int32Array.from(from), share: Float64Array.from(share) };
}

function uprightSquare(centre, side, [rightX, rightY], [leftX, leftY]) {
  return { centre, side, angle: Math.atan2(leftY - rightY, leftX - rightX) };
}

function toPicture({ centre, angle }, [x, y]) {
  const sine = Math.sin(angle), cosine = Math.cos(angle);
  return [x * cosine - y * sine + centre[0], x * sine + y * cosine + centre[1]];
}

/**
 * Cut a turned square out as RGB; the picture's outermost pixels are repeated beyond its edge. If not
 * `smooth`, some pixels in between may be left out, which takes a fraction of the time.
 */
export function cut(picture, { centre, side, angle }, size, smooth = true) {
  const before = Math.max(1, Math.floor(side / size / (smooth ? 2 : 1)));
  const after = smooth ? Math.max(1, Math.round(side / size / before)) : 1;
  const [source, corner] = before > 1 ? shrink(picture, centre, side, before) : [picture, [0, 0]];
  const fine = size * after, step = side / fine / before;
  const sine = step * Math.sin(angle), cosine = step * Math.cos(angle);
  const [x0, y0] = centre.map((c, i) => (c - corner[i]) / before - 0.5);
  const turned = new Float32Array(size * size * 3);
  for (let y = 0; y < fine; y++) {
    const dy = y + 0.5 - fine / 2, line = Math.floor(y / after) * size;
    for (let x = 0; x < fine; x++) {
      const dx = x + 0.5 - fine / 2, target = (line + Math.floor(x / after)) * 3;
      addBilinear(source, x0 + cosine * dx - sine * dy, y0 + sine * dx + cosine * dy, turned, target);
    }
  }
  return turned.map((sum) => Math.round(sum / (after * after)));
}

/** Make what lies around a square smaller; return it, and where it begins. */
function shrink(picture, centre, side, factor) {
  const reach = side / Math.SQRT2 + 2, corner = centre.map((c) => Math.floor(c - reach));
  const end = centre.map((c) => Math.ceil(c + reach));
  return [reduce(picture, [...corner, ...end], [factor, factor]), corner];
}

/** Add a point's colour, between the four pixels around it, to three numbers of `sums`. */
function addBilinear({ data, width, height }, x, y, sums, target) {
  const column = Math.floor(x), row = Math.floor(y), u = x - column, v = y - row;
  const left = clamp(column, 0, width - 1) * 4, right = clamp(column + 1, 0, width - 1) * 4;
  const above = clamp(row, 0, height - 1) * width * 4, below = clamp(row + 1, 0, height - 1) * width * 4;
  for (let c = 0; c < 3; c++) {
    const upper = data[above + left + c] * (1 - u) + data[above + right + c] * u;
    const lower = data[below + left + c] * (1 - u) + data[below + right + c] * u;
    sums[target + c] += Math.round(upper * (1 - v) + lower * v);
  }
}

/** Average the overlapping candidates of each face whose best one scores enough; by falling score. */
export function merge(candidates, minScore = 0) {
  const merged = [];
  let left = [...candidates].sort((a, b) => b.score - a.score);
  while (left.length && left[0].score >= minScore) {
    const best = left[0], group = [], others = [];
    for (const one of left) {
      const shared = sharedArea(best.numbers, one.numbers);
      const sizes = [best, one].map(({ numbers }) => numbers[2] * numbers[3]);
      const same = shared >= SAME_FACE * (sizes[0] + sizes[1] - shared);
      if (same) group.push(one);
      else if (shared < PART_OF_FACE * Math.min(...sizes)) others.push(one);
    }
    const total = group.reduce((sum, { score }) => sum + score, 0);
    const numbers = best.numbers.map(
      (_, i) => group.reduce((sum, one) => sum + one.score * one.numbers[i], 0) / total,
    );
    merged.push({ numbers, score: best.score });
    left = others;
  }
  return merged;
}

function sharedArea(a, b) {
  const side = (i) => Math.min(a[i] + a[i + 2], b[i] + b[i + 2]) - Math.max(a[i], b[i]);
  return Math.max(0, side(0)) * Math.max(0, side(1));
}

/** Intersection over union of two boxes. */
function overlap(a, b) {
  const shared = sharedArea(a, b);
  return shared / (a[2] * a[3] + b[2] * b[3] - shared);
}

/** Detector and classifier, as fer_estimators.faces and ExportedClassifier run them. */
export class FaceReader {
  constructor(ort, detector, classifier, facts) {
    const { classes, image_shape: [size], threshold, abstain_label: notSure } = facts;
    Object.assign(this, { ort, detector, classifier, classes, size, threshold, notSure });
  }

  static async load(ort, folder) {
    const get = async (name) => {
      const answer = await fetch(new URL(name, folder));
      if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
      return answer;
    };
    const facts = await (await get("facts.json")).json();
    const networks = ["detector.onnx", "classifier.onnx"].map(async (name) =>
      ort.InferenceSession.create(new Uint8Array(await (await get(name)).arrayBuffer())),
    );
    return new FaceReader(ort, ...(await Promise.all(networks)), facts);
  }

  /** Find the faces of a picture, with the probability of each emotion. */
  async read(picture, minFace = 0.12) {
    return this.classify(picture, await this.detect(picture, minFace));
  }

  async classify(picture, faces) {
    if (!faces.length) return [];
    const { size, ort } = this, pixels = new Float32Array(faces.length * size * size);
    faces.forEach(({ numbers }, n) => {
      const rgb = cut(picture, frame(numbers), size);
      for (let i = 0; i < size * size; i++)
        pixels[n * size * size + i] =
          (19595 * rgb[3 * i] + 38470 * rgb[3 * i + 1] + 7471 * rgb[3 * i + 2] + 32768) >> 16;
    });
    const images = new ort.Tensor("float32", pixels, [faces.length, size, size, 1]);
    const { probabilities } = await this.classifier.run({ images });
    const k = this.classes.length;
    return faces.map((face, n) => ({
      ...face,
      box: face.numbers.slice(0, 4),
      probabilities: [...probabilities.data.slice(n * k, (n + 1) * k)],
    }));
  }

  async detect(picture, minFace) {
    const { width, height } = picture, longest = Math.max(width, height);
    const smallest = Math.max(minFace * height, TINY);
    const sides = [Math.min((RELIABLE / smallest) * longest, FINEST)];
    while (sides.at(-1) > 1.25 * COARSEST) sides.push(sides.at(-1) / 2);
    const inputs = sides.map((side) => Math.max(COARSEST, 16 * Math.round(side / 16)));
    const first = await this.search(picture, inputs), again = await this.lookAgain(picture, first);
    return merge(
      lowerByClutter(again, first).filter(
        ({ numbers, score }) => score >= MIN_SCORE && numbers[3] >= SMALLEST * smallest,
      ),
    );
  }

  /** Look for each face of an earlier frame around its place, and again where that leaves a doubt. */
  async follow(picture, faces) {
    const found = [];
    for (const { numbers } of faces) {
      const [left, top, width, height] = numbers, size = REGION * Math.max(width, height);
      const from = [left + width / 2 - size / 2, top + height / 2 - size / 2];
      const [x, y] = from.map((start) => Math.max(0, Math.floor(start)));
      const region = part(picture, x, y, Math.round(from[0] + size), Math.round(from[1] + size));
      if (!region) continue;
      let seen = await this.search(region, [COARSEST]);
      if (!seen.some(({ score }) => score >= MIN_SCORE)) seen = await this.lookAgain(region, seen);
      const near = seen.filter(({ score }) => score >= MIN_SCORE).map((face) => ({
        score: face.score,
        numbers: face.numbers.map((value, i) => (i === 2 || i === 3 ? value : value + [x, y][i % 2])),
      }));
      near.sort((a, b) => overlap(numbers, b.numbers) - overlap(numbers, a.numbers));
      found.push(...near.slice(0, 1));
    }
    found.sort((a, b) => b.score - a.score);
    return found.filter((face, i) => found.slice(0, i).every((other) => overlap(face.numbers, other.numbers) < SAME_FACE));
  }

  /** Find candidates at several sizes, the largest first; each is made from the one before. */
  async search(picture, sides) {
    const { width, height } = picture, found = [];
    let small = picture;
    for (const side of sides) {
      const scale = side / Math.max(width, height);
      const [w, h] = [width, height].map((n) => Math.max(1, Math.round(n * scale)));
      small = resize(small, w, h);
      const [W, H] = [w, h].map((n) => Math.ceil(n / MULTIPLE) * MULTIPLE);
      const canvas = new Float32Array(W * H * 3);
      for (let y = 0; y < h; y++)
        for (let x = 0; x < w; x++)
          for (let c = 0; c < 3; c++) canvas[(y * W + x) * 3 + c] = small.data[(y * w + x) * 4 + c];
      const [seen] = await this.run(canvas, 1, H, W), back = [width / w, height / h];
      const candidates = seen.map(({ places, logit: x }) => ({
        numbers: toNumbers(places.map((v, i) => v * back[i % 2])),
        score: expit(x),
      }));
      found.push(...merge(candidates, CANDIDATE_SCORE));
    }
    return merge(found);
  }

  /** Look at each candidate from near, upright by its eyes, and again while it is in doubt. */
  async lookAgain(picture, candidates) {
    const again = [];
    for (const first of candidates) {
      const seen = [first];
      let now = first;
      for (const { views, low, high } of LOOKS) {
        if (now.score < low || now.score > high) break;
        const looks = await this.look(picture, first.numbers, views);
        if (looks.some((one) => !one)) {
          now = { numbers: now.numbers, score: 0 };
          break;
        }
        seen.push(...looks);
        const logits = seen.map(({ score }) => logit(Math.min(score, 1 - 1e-6)));
        now = { numbers: mean(seen.map(({ numbers }) => numbers)), score: expit(logits.reduce((a, b) => a + b) / seen.length) };
      }
      again.push(now);
    }
    return again;
  }

  /** Look at a candidate in several views; return a candidate for each, or null where nothing is seen. */
  async look(picture, numbers, views) {
    const squares = views.map(([wider]) => around(numbers, wider));
    const pixels = new Float32Array(views.length * COARSEST * COARSEST * 3);
    views.forEach(([, mirrored], i) => {
      const crop = cut(picture, squares[i], COARSEST, false);
      pixels.set(mirrored ? mirrorPixels(crop, COARSEST) : crop, i * crop.length);
    });
    const looks = await this.run(pixels, views.length, COARSEST, COARSEST);
    return views.map(([wider, mirrored], i) => {
      const look = looks[i].map(({ places, logit: x }) => ({ places: mirrored ? mirror(places, COARSEST) : places, logit: x }));
      const one = seeMiddle(look, COARSEST, wider);
      return one && { score: one.score, numbers: toNumbers(placesToPicture(squares[i], toPlaces(one.numbers), COARSEST)) };
    });
  }

  /** Run the detector: for each input, what may be a face, as {logit, places}: centre, size, six points. */
  async run(pixels, n, height, width) {
    const input = new this.ort.Tensor("float32", pixels, [n, height, width, 3]);
    const { anchors } = await this.detector.run({ pixels: input });
    const centres = anchorCentres(height, width), [, nAnchors, nNumbers] = anchors.dims;
    const least = logit(LEAST_SCORE), found = Array.from({ length: n }, () => []);
    for (let i = 0; i < n * nAnchors; i++) {
      const value = anchors.data[i * nNumbers], centre = centres[i % nAnchors];
      if (value < least) continue;
      const places = [...anchors.data.subarray(i * nNumbers + 1, (i + 1) * nNumbers)];
      found[Math.floor(i / nAnchors)].push({
        logit: value,
        places: places.map((v, j) => (j === 2 || j === 3 ? v : v + centre[j % 2])),
      });
    }
    return found;
  }
}

/** The faces of successive frames: searched now and then, followed in between, and smoothed. */
export class VideoReader {
  constructor(reader, minFace) {
    Object.assign(this, { reader, minFace, faces: [], searched: -Infinity, read: -Infinity });
  }

  /** Read a frame that was taken at a time, in seconds. */
  async next(picture, time) {
    const isDue = time - this.searched >= SEARCH_EVERY;
    let faces = isDue ? [] : await this.reader.follow(picture, this.faces);
    if (isDue || faces.length < this.faces.length) {
      faces = await this.reader.detect(picture, this.minFace);
      this.searched = time;
    }
    const weight = 1 - Math.exp(-(time - this.read) / SMOOTHING), before = this.faces;
    this.read = time;
    this.faces = (await this.reader.classify(picture, faces)).map((face) => smooth(face, before, weight));
    return this.faces;
  }
}

/** Average the probabilities of a face with those that it had in the frame before. */
function smooth(face, before, weight) {
  const shared = before.map(({ box }) => overlap(box, face.box)), most = Math.max(0, ...shared);
  if (most < MOVED) return face;
  const old = before[shared.indexOf(most)].probabilities;
  return { ...face, probabilities: face.probabilities.map((p, i) => old[i] + weight * (p - old[i])) };
}

/** A part of a picture, or null where it is empty. */
function part({ data, width, height }, left, top, right, bottom) {
  const w = Math.min(right, width) - left, h = Math.min(bottom, height) - top;
  if (w < 1 || h < 1) return null;
  const region = new Uint8ClampedArray(w * h * 4);
  for (let y = 0; y < h; y++) {
    const start = ((top + y) * width + left) * 4;
    region.set(data.subarray(start, start + w * 4), y * w * 4);
  }
  return { data: region, width: w, height: h };
}

function anchorCentres(height, width) {
  const centres = [];
  for (const [stride, perCell] of GRIDS)
    for (let y = stride / 2; y < height; y += stride)
      for (let x = stride / 2; x < width; x += stride)
        for (let i = 0; i < perCell; i++) centres.push([x, y]);
  return centres;
}

/** The square in which a candidate is looked at again. */
function around([left, top, width, height, ...points], wider) {
  const centre = [left + width / 2, top + height / 2];
  return uprightSquare(centre, wider * Math.max(width, height), points.slice(0, 2), points.slice(2, 4));
}

/** Lower scores by how much else in the picture looks somewhat like a face. */
function lowerByClutter(candidates, first) {
  const doubtful = first.map(({ score }) => score < DOUBTFUL), all = doubtful.filter(Boolean).length;
  return candidates.map(({ numbers, score }, i) => ({
    numbers,
    score: expit(logit(score) - CLUTTER * Math.log1p(all - doubtful[i])),
  }));
}

function mirrorPixels(rgb, side) {
  const mirrored = new Float32Array(rgb.length);
  for (let i = 0; i < rgb.length / 3; i++) {
    const target = 3 * (i - 2 * (i % side) + side - 1);
    for (let c = 0; c < 3; c++) mirrored[target + c] = rgb[3 * i + c];
  }
  return mirrored;
}

function mirror(places, side) {
  const [x, y, width, height, ...points] = places;
  const turned = MIRRORED_POINTS.flatMap((i) => [side - points[2 * i], points[2 * i + 1]]);
  return [side - x, y, width, height, ...turned];
}

function seeMiddle(look, side, wider) {
  const near = look.filter(({ places: [x, y] }) => {
    return Math.hypot(x - side / 2, y - side / 2) < (NEAR_MIDDLE * side) / wider;
  });
  if (!near.length) return null;
  return merge(near.map(({ places, logit: value }) => ({ numbers: toNumbers(places), score: expit(value) })))[0];
}

function placesToPicture(square, places, side) {
  const step = square.side / side, moved = [];
  for (let i = 0; i < places.length; i += 2) {
    const [x, y] = places.slice(i, i + 2);
    moved.push(...(i === 2 ? [x * step, y * step] : toPicture(square, [(x - side / 2) * step, (y - side / 2) * step])));
  }
  return moved;
}

const toNumbers = ([x, y, w, h, ...points]) => [x - w / 2, y - h / 2, w, h, ...points];
const toPlaces = ([left, top, w, h, ...points]) => [left + w / 2, top + h / 2, w, h, ...points];

function frame([left, top, width, height, ...points]) {
  const size = Math.sqrt(width * height);
  const square = uprightSquare(
    [left + width / 2, top + height / 2], CROP_SIDE * size, points.slice(0, 2), points.slice(2, 4),
  );
  return { ...square, centre: toPicture(square, [0, CROP_BELOW * size]) };
}
