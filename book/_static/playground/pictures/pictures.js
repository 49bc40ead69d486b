/* A picture of the reader's own: decoded by the browser, made as large as Python makes it, and prepared
   in a worker, so that the page stays free. Nothing of it is sent anywhere. */
(function () {
  "use strict";
  const { lenet } = self;

  const ENOUGH_PIXELS = 1_000_000; // more than this is averaged, for 20 pixels are wanted
  const MOST_PIXELS = 20_000_000; // more than this the browser is asked to decode smaller
  const MOST_OF_CAMERAS = 120_000_000; // and more than that is refused
  const LEAST_ON_WHITE = 64; // of 255: ink that is fainter on white is tried on black
  const STRIP = 1_000_000; // pixels read at once: between two strips the page can do other things
  const HEIC = /^ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)/;

  /* Thrown where a picture cannot be read; the message is for the reader. */
  class Unreadable extends Error {}

  /* Read a file or another blob as a picture of colours, as lenet.preparePicture takes it: upright, of
     at most a million pixels, what is transparent being paper, in one band where it is grey. */
  async function coloursOf(blob) {
    const bitmap = await decoded(blob);
    try {
      return await coloursOfBitmap(bitmap);
    } finally {
      bitmap.close();
    }
  }

  async function coloursOfBitmap(bitmap) {
    const factor = Math.ceil(Math.sqrt((bitmap.width * bitmap.height) / ENOUGH_PIXELS));
    const onWhite = await reduced(bitmap, factor, 255);
    if (!onWhite.isTransparent || onWhite.contrast >= LEAST_ON_WHITE) return onWhite.colours;
    const onBlack = await reduced(bitmap, factor, 0); // on which light ink can be seen
    return onBlack.contrast >= LEAST_ON_WHITE ? onBlack.colours : onWhite.colours;
  }

  async function decoded(blob) {
    // As Pillow has them: upright, but in the file's own colours.
    const options = { imageOrientation: "from-image", colorSpaceConversion: "none" };
    try {
      const { width, height } = await sizeOf(blob);
      const pixels = width * height;
      if (pixels > MOST_OF_CAMERAS) throw new Unreadable(tooLarge(width, height));
      if (pixels > MOST_PIXELS) {
        const factor = Math.ceil(Math.sqrt(pixels / ENOUGH_PIXELS));
        const size = {
          resizeWidth: Math.ceil(width / factor),
          resizeHeight: Math.ceil(height / factor),
        };
        Object.assign(options, size, { resizeQuality: "high" });
      }
      return await createImageBitmap(blob, options);
    } catch (error) {
      throw error instanceof Unreadable ? error : new Unreadable(await whyNot(blob));
    }
  }

  /* The size of a picture, which is known before it is unpacked. */
  async function sizeOf(blob) {
    const image = new Image();
    const address = URL.createObjectURL(blob);
    try {
      await new Promise((resolve, reject) => {
        image.onload = resolve;
        image.onerror = reject;
        image.src = address;
      });
      return { width: image.naturalWidth, height: image.naturalHeight };
    } finally {
      URL.revokeObjectURL(address);
    }
  }

  function tooLarge(width, height) {
    return `It has ${width} × ${height} pixels, more than this page reads: make it smaller.`;
  }

  async function whyNot(blob) {
    const start = new TextDecoder("latin1").decode(await blob.slice(4, 12).arrayBuffer());
    if (HEIC.test(start)) {
      return "This is a HEIC photo, which this browser cannot open: save it as JPEG, or open this page in Safari.";
    }
    return "This browser cannot read it as a picture: give it a PNG, a JPEG or a WebP.";
  }

  /* Average blocks of `factor` x `factor` pixels, on paper of grey `paper`, strip by strip. */
  async function reduced(bitmap, factor, paper) {
    const { width, height } = bitmap;
    const small = { width: Math.ceil(width / factor), height: Math.ceil(height / factor) };
    const values = new Uint8Array(3 * small.width * small.height);
    const seen = { isTransparent: false, least: 255, most: 0 };
    const rows = factor * Math.max(1, Math.floor(STRIP / width / factor));
    const canvas = lenet.element("canvas", { width, height: Math.min(rows, height) });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    for (let top = 0; top < height; top += rows) {
      const high = Math.min(rows, height - top);
      context.clearRect(0, 0, width, high);
      context.drawImage(bitmap, 0, top, width, high, 0, 0, width, high);
      const strip = context.getImageData(0, 0, width, high);
      layOn(strip.data, paper, seen);
      average(strip, factor, values.subarray(3 * (top / factor) * small.width));
      await new Promise((resolve) => setTimeout(resolve));
    }
    const colours = greyAlone({ ...small, bands: 3, values });
    return { colours, isTransparent: seen.isTransparent, contrast: seen.most - seen.least };
  }

  /* Lay pixels on paper, and note how bright they are, as Pillow does both. */
  function layOn(pixels, paper, seen) {
    for (let i = 0; i < pixels.length; i += 4) {
      const opacity = pixels[i + 3];
      if (opacity < 255) {
        seen.isTransparent = true;
        for (let band = i; band < i + 3; band++) {
          pixels[band] = Math.round((pixels[band] * opacity + paper * (255 - opacity)) / 255);
        }
      }
      const [red, green, blue] = [pixels[i], pixels[i + 1], pixels[i + 2]];
      const bright = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16;
      if (bright < seen.least) seen.least = bright;
      if (bright > seen.most) seen.most = bright;
    }
  }

  function average({ width, height, data }, factor, to) {
    let place = 0;
    for (let top = 0; top < height; top += factor) {
      for (let left = 0; left < width; left += factor) {
        const [bottom, right] = [Math.min(top + factor, height), Math.min(left + factor, width)];
        let [red, green, blue] = [0, 0, 0];
        for (let row = top; row < bottom; row++) {
          for (let i = 4 * (row * width + left); i < 4 * (row * width + right); i += 4) {
            red += data[i];
            green += data[i + 1];
            blue += data[i + 2];
          }
        }
        const area = (bottom - top) * (right - left);
        for (const sum of [red, green, blue]) to[place++] = Math.floor(sum / area + 0.5);
      }
    }
  }

  /* One band where all three are the same. */
  function greyAlone(colours) {
    const { width, height, values } = colours;
    for (let i = 0; i < values.length; i += 3) {
      if (values[i] !== values[i + 1] || values[i] !== values[i + 2]) return colours;
    }
    const grey = new Uint8Array(width * height);
    for (let i = 0; i < grey.length; i++) grey[i] = values[3 * i];
    return { width, height, bands: 1, values: grey };
  }

  // --- In a worker ---------------------------------------------------------------------------

  /* Prepare a picture of colours aside. What comes has all of its steps, and the picture itself;
     where there is no digit in it, `refused` instead says why. */
  function prepareAside(colours) {
    asking = asking.catch(() => {}).then(() => ask(colours));
    return asking;
  }

  let asking = Promise.resolve(); // one after the other
  let worker = null;

  async function ask(colours) {
    worker ??= lenet.startWorker(preparing);
    const prepared = await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = reject;
      worker.postMessage(colours);
    });
    return { ...prepared, picture: colours };
  }

  /* Runs in the worker, where the parts have filled `lenet`. */
  function preparing() {
    self.onmessage = ({ data }) => {
      try {
        self.postMessage(lenet.preparePicture(data));
      } catch (error) {
        if (!(error instanceof lenet.NoDigit)) throw error;
        self.postMessage({ refused: error.reason });
      }
    };
  }

  Object.assign(lenet, { Unreadable, coloursOf, coloursOfBitmap, prepareAside });
})();
