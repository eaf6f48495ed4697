// Find faces, cut them out and classify them: the steps of fer_estimators.faces in the browser.
// A picture is {data, width, height} with RGBA bytes, as ImageData is. A candidate is an array of 16
// numbers: left, top, width and height of a box, then x and y of six points, pixels of the picture.

const SAME_FACE = 0.3, PART_OF_FACE = 0.6;
const RELIABLE = 40, COARSEST = 128, FINEST = 2048, CANDIDATE_SCORE = 0.5, MIN_SCORE = 0.65;
const WIDER = 2, NEAR_MIDDLE = 0.4, LEAST_SCORE = 0.1, MULTIPLE = 16;
const GRIDS = [[8, 2], [16, 6]];
// Which number takes the place of which in a mirrored candidate: the eyes and the ears change sides.
const MIRRORED_POINTS = [1, 0, 2, 3, 5, 4];
const CROP_SIDE = 1.18, CROP_BELOW = -0.11;

const logit = (p) => Math.log(p / (1 - p));
const expit = (x) => 1 / (1 + Math.exp(-x));
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
const mean = (rows) => rows[0].map((_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);

/** Resize to RGB with an antialiased bilinear filter. */
export function resize({ data, width, height }, newWidth, newHeight) {
  const rows = weights(height, newHeight), columns = weights(width, newWidth);
  const narrow = new Float32Array(height * newWidth * 3);
  for (let y = 0; y < height; y++)
    columns.forEach(({ start, share }, x) => {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        share.forEach((w, i) => (sum += w * data[(y * width + start + i) * 4 + c]));
        narrow[(y * newWidth + x) * 3 + c] = sum;
      }
    });
  const small = new Float32Array(newHeight * newWidth * 3);
  rows.forEach(({ start, share }, y) => {
    for (let x = 0; x < newWidth * 3; x++) {
      let sum = 0;
      share.forEach((w, i) => (sum += w * narrow[(start + i) * newWidth * 3 + x]));
      small[y * newWidth * 3 + x] = Math.round(sum);
    }
  });
  return small;
}

function weights(size, newSize) {
  const scale = size / newSize, reach = Math.max(scale, 1);
  return Array.from({ length: newSize }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.floor(centre - reach + 0.5));
    const end = Math.min(size, Math.floor(centre + reach + 0.5));
    const share = [];
    for (let x = start; x < end; x++) share.push(Math.max(0, 1 - Math.abs((x + 0.5 - centre) / reach)));
    const sum = share.reduce((a, b) => a + b, 0);
    return { start, share: share.map((w) => w / sum) };
  });
}

function uprightSquare(centre, side, [rightX, rightY], [leftX, leftY]) {
  return { centre, side, angle: Math.atan2(leftY - rightY, leftX - rightX) };
}

function toPicture({ centre, angle }, [x, y]) {
  const sine = Math.sin(angle), cosine = Math.cos(angle);
  return [x * cosine - y * sine + centre[0], x * sine + y * cosine + centre[1]];
}

/** Cut a turned square out as RGB; the picture's outermost pixels go on beyond its edge. */
export function cut(picture, { centre, side, angle }, size) {
  let step = side / size;
  const reach = (step * Math.hypot(size, size)) / 2 + 2;
  const left = Math.floor(centre[0] - reach), top = Math.floor(centre[1] - reach);
  const width = Math.ceil(centre[0] + reach) - left, height = Math.ceil(centre[1] + reach) - top;
  const before = Math.max(1, Math.floor(step / 2));
  const region = reduceRegion(picture, left, top, width, height, before);
  const after = Math.max(1, Math.round(step / before));
  step /= before * after;
  const fine = size * after, sine = step * Math.sin(angle), cosine = step * Math.cos(angle);
  const x0 = (centre[0] - left) / before, y0 = (centre[1] - top) / before;
  const turned = new Float32Array(size * size * 3);
  for (let y = 0; y < fine; y++)
    for (let x = 0; x < fine; x++) {
      const dx = x + 0.5 - fine / 2, dy = y + 0.5 - fine / 2;
      const target = (Math.floor(y / after) * size + Math.floor(x / after)) * 3;
      const from = [x0 + cosine * dx - sine * dy - 0.5, y0 + sine * dx + cosine * dy - 0.5];
      for (let c = 0; c < 3; c++) turned[target + c] += Math.round(bilinear(region, ...from, c));
    }
  return turned.map((sum) => Math.round(sum / (after * after)));
}

function reduceRegion({ data, width, height }, left, top, regionWidth, regionHeight, factor) {
  const w = Math.ceil(regionWidth / factor), h = Math.ceil(regionHeight / factor);
  const reduced = new Float32Array(w * h * 3);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      const right = Math.min((x + 1) * factor, regionWidth), bottom = Math.min((y + 1) * factor, regionHeight);
      const n = (right - x * factor) * (bottom - y * factor);
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let v = y * factor; v < bottom; v++)
          for (let u = x * factor; u < right; u++)
            sum += data[(clamp(top + v, 0, height - 1) * width + clamp(left + u, 0, width - 1)) * 4 + c];
        reduced[(y * w + x) * 3 + c] = Math.round(sum / n);
      }
    }
  return { data: reduced, width: w, height: h };
}

function bilinear({ data, width, height }, x, y, c) {
  const column = Math.floor(x), row = Math.floor(y), u = x - column, v = y - row;
  const at = (i, j) => data[(clamp(j, 0, height - 1) * width + clamp(i, 0, width - 1)) * 3 + c];
  const above = at(column, row) * (1 - u) + at(column + 1, row) * u;
  const below = at(column, row + 1) * (1 - u) + at(column + 1, row + 1) * u;
  return above * (1 - v) + below * v;
}

/** Average the overlapping candidates of each face, weighted by score; by falling score. */
export function merge(candidates) {
  const merged = [];
  let left = [...candidates].sort((a, b) => b.score - a.score);
  while (left.length) {
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

/** Detector and classifier, as fer_estimators.faces and ExportedClassifier run them. */
export class FaceReader {
  constructor(ort, detector, classifier, { classes, image_shape: [size] }) {
    Object.assign(this, { ort, detector, classifier, classes, size });
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
    const faces = await this.detect(picture, minFace);
    if (!faces.length) return [];
    const { size, ort } = this, pixels = new Float32Array(faces.length * size * size);
    faces.forEach(({ numbers }, n) => {
      const rgb = cut(picture, frame(numbers), size);
      for (let i = 0; i < size * size; i++) {
        const [r, g, b] = rgb.subarray(3 * i, 3 * i + 3);
        pixels[n * size * size + i] = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
      }
    });
    const images = new ort.Tensor("float32", pixels, [faces.length, size, size, 1]);
    const { probabilities } = await this.classifier.run({ images });
    const k = this.classes.length;
    return faces.map(({ numbers, score }, n) => ({
      box: numbers.slice(0, 4),
      score,
      probabilities: [...probabilities.data.slice(n * k, (n + 1) * k)],
    }));
  }

  async detect(picture, minFace) {
    const { width, height } = picture, longest = Math.max(width, height);
    const sides = [Math.min((RELIABLE / (minFace * height)) * longest, FINEST)];
    while (sides.at(-1) > 1.25 * COARSEST) sides.push(sides.at(-1) / 2);
    const found = [];
    for (const side of sides)
      found.push(...(await this.search(picture, Math.max(COARSEST, 16 * Math.round(side / 16)))));
    return merge((await this.lookAgain(picture, merge(found))).filter(({ score }) => score >= MIN_SCORE));
  }

  async search(picture, side) {
    const scale = side / Math.max(picture.width, picture.height);
    const [w, h] = [picture.width, picture.height].map((n) => Math.max(1, Math.round(n * scale)));
    const small = resize(picture, w, h);
    const [W, H] = [w, h].map((n) => Math.ceil(n / MULTIPLE) * MULTIPLE);
    const canvas = new Float32Array(W * H * 3);
    for (let y = 0; y < h; y++) canvas.set(small.subarray(y * w * 3, (y + 1) * w * 3), y * W * 3);
    const [seen] = await this.run(canvas, 1, H, W);
    const back = [picture.width / w, picture.height / h];
    return seen
      .filter(({ logit: x }) => x >= logit(CANDIDATE_SCORE))
      .map(({ places, logit: x }) => ({ numbers: toNumbers(places.map((v, i) => v * back[i % 2])), score: expit(x) }));
  }

  /** Look at each candidate from near, upright by its eyes, as it is and mirrored. */
  async lookAgain(picture, candidates) {
    const side = COARSEST, again = [];
    for (const { numbers, score } of candidates) {
      const [left, top, width, height, ...points] = numbers;
      const centre = [left + width / 2, top + height / 2];
      const square = uprightSquare(centre, WIDER * Math.max(width, height), points.slice(0, 2), points.slice(2, 4));
      const crop = cut(picture, square, side), both = new Float32Array(2 * crop.length);
      both.set(crop);
      for (let i = 0; i < crop.length / 3; i++) {
        const mirrored = i - (i % side) + side - 1 - (i % side);
        both.set(crop.subarray(3 * i, 3 * i + 3), crop.length + 3 * mirrored);
      }
      const [plain, flipped] = await this.run(both, 2, side, side);
      const looks = [plain, flipped.map(({ places, logit: x }) => ({ places: mirror(places, side), logit: x }))];
      const seen = looks.map((look) => seeMiddle(look, side));
      if (seen.some((one) => !one)) continue;
      const inPicture = seen.map(({ numbers: n }) => toNumbers(placesToPicture(square, toPlaces(n), side)));
      const logits = [score, ...seen.map((one) => one.score)].map(logit);
      again.push({ numbers: mean([numbers, ...inPicture]), score: expit(logits.reduce((a, b) => a + b) / 3) });
    }
    return again;
  }

  /** Run the detector: for each input a list of {logit, places}: centre, size and six points. */
  async run(pixels, n, height, width) {
    const input = new this.ort.Tensor("float32", pixels, [n, height, width, 3]);
    const { anchors } = await this.detector.run({ pixels: input });
    const centres = anchorCentres(height, width), [, nAnchors, nNumbers] = anchors.dims;
    return Array.from({ length: n }, (_, image) =>
      centres.map((centre, i) => {
        const row = anchors.data.subarray((image * nAnchors + i) * nNumbers, (image * nAnchors + i + 1) * nNumbers);
        const places = [...row.subarray(1)].map((v, j) => (j === 2 || j === 3 ? v : v + centre[j % 2]));
        return { logit: row[0], places };
      }),
    );
  }
}

function anchorCentres(height, width) {
  const centres = [];
  for (const [stride, perCell] of GRIDS)
    for (let y = stride / 2; y < height; y += stride)
      for (let x = stride / 2; x < width; x += stride)
        for (let i = 0; i < perCell; i++) centres.push([x, y]);
  return centres;
}

function mirror(places, side) {
  const [x, y, width, height, ...points] = places;
  const turned = MIRRORED_POINTS.flatMap((i) => [side - points[2 * i], points[2 * i + 1]]);
  return [side - x, y, width, height, ...turned];
}

function seeMiddle(look, side) {
  const near = look.filter(({ places: [x, y], logit: value }) => {
    const distance = Math.hypot(x - side / 2, y - side / 2);
    return distance < (NEAR_MIDDLE * side) / WIDER && value >= logit(LEAST_SCORE);
  });
  if (!near.length) return null;
  const [{ numbers, score }] = merge(
    near.map(({ places, logit: value }) => ({ numbers: toNumbers(places), score: expit(value) })),
  );
  return { numbers, score: Math.min(score, 1 - 1e-6) };
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
