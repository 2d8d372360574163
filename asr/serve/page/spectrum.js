// The power of a frame of sound, by frequency: a radix-2 fast Fourier transform (Cooley and Tukey, 1965) on a Hann window.

export class Spectrum {
  /** @param {number} size samples in a frame, a power of two */
  constructor(size) {
    this.size = size;
    this.window = Float32Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
    this.cos = Float32Array.from({ length: size / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / size));
    this.sin = Float32Array.from({ length: size / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / size));
    const bits = Math.log2(size);
    this.reversed = Uint32Array.from({ length: size }, (_, i) => {
      let found = 0;
      for (let b = 0; b < bits; b += 1) found |= ((i >> b) & 1) << (bits - 1 - b);
      return found;
    });
    this.real = new Float32Array(size);
    this.imaginary = new Float32Array(size);
    this.power = new Float32Array(size / 2 + 1);
  }

  /** Power of the frame of `samples` that begins at `from`; outside of them is silence. The array is used again by the next call. */
  of(samples, from) {
    const { size, real, imaginary, cos, sin, power } = this;
    for (let i = 0; i < size; i += 1) {
      const at = this.reversed[i];
      real[i] = (samples[from + at] ?? 0) * this.window[at];
      imaginary[i] = 0;
    }
    for (let half = 1; half < size; half *= 2) {
      const step = size / (2 * half);
      for (let start = 0; start < size; start += 2 * half)
        for (let k = 0; k < half; k += 1) {
          const a = start + k;
          const b = a + half;
          const c = cos[k * step];
          const s = -sin[k * step];
          const re = real[b] * c - imaginary[b] * s;
          const im = real[b] * s + imaginary[b] * c;
          real[b] = real[a] - re;
          imaginary[b] = imaginary[a] - im;
          real[a] += re;
          imaginary[a] += im;
        }
    }
    for (let k = 0; k <= size / 2; k += 1) power[k] = real[k] * real[k] + imaginary[k] * imaginary[k];
    return power;
  }
}

export const mel = (hertz) => 2595 * Math.log10(1 + hertz / 700);
export const hertz = (value) => 700 * (10 ** (value / 2595) - 1);
