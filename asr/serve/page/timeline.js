// Waveform, spectrogram, time and words of a file on one axis; zoomed, scrolled and played from by pointer and keys.
//
// Events: "seek" (detail: seconds), "word" (detail: its place among all words), "hover" (likewise, or -1).

import { clock } from "./formats.js";
import { lastBefore } from "./document.js";
import { listen } from "./timeline-input.js";
import { axis, frequencies, laneOf, outlineOf, paintOf, picture, ramp } from "./timeline-drawing.js";

const CLOSEST = 0.25; // seconds in view
const READABLE = 120; // pixels a second in which most words can be read: what is seen at first

export class Timeline extends EventTarget {
  /** @param {HTMLElement} stage the slider, with a canvas for what stays and one for what moves @param {HTMLCanvasElement} overview */
  constructor(stage, overview) {
    super();
    this.stage = stage;
    [this.base, this.top] = stage.querySelectorAll("canvas");
    this.overview = overview;
    this.sound = null;
    this.words = []; // { word, segment, index } of the whole file
    this.duration = 0;
    this.from = 0;
    this.to = 1;
    this.drawn = null; // what the worker has drawn: { from, to, low, high, image }
    this.whole = null; // the outline of the whole file
    this.time = 0;
    this.current = -1; // places of the word that is heard, and of the one pointed at
    this.hovered = -1;
    this.pointer = null;
    new ResizeObserver(() => this.refresh()).observe(stage);
    listen(this);
  }

  show(sound, words, duration) {
    Object.assign(this, { sound, words, duration, from: 0, to: Math.max(duration, 0.1), drawn: null, whole: null, time: 0 });
    this.hovered = -1;
    this.current = -1;
    this.stage.setAttribute("aria-valuemax", duration.toFixed(2));
    const readable = this.stage.clientWidth / READABLE || duration;
    this.to = Math.max(0.1, duration < 1.5 * readable ? duration : readable);
    this.refresh();
  }

  setWords(words) {
    const row = this.words.length > 0 !== words.length > 0; // one more, or less
    this.words = words;
    this.hovered = -1;
    if (row) this.refresh();
    else this.draw();
  }

  /** Sizes and colours anew: after the window or the theme changed. */
  refresh() {
    this.style = getComputedStyle(this.stage);
    this.colours = ramp(this.style);
    this.paint = paintOf(this.style);
    this.density = Math.min(3, window.devicePixelRatio || 1);
    this.width = this.stage.clientWidth;
    const heights = this.width < 560 ? { wave: 56, picture: 84 } : { wave: 76, picture: 128 };
    if (!this.sound?.drawn) Object.assign(heights, { wave: 0, picture: 0 });
    this.rows = { ...heights, axis: 24, lane: this.words.length ? 44 : 0 };
    this.height = this.rows.wave + this.rows.picture + this.rows.axis + this.rows.lane;
    this.stage.style.height = `${this.height}px`;
    for (const canvas of [this.base, this.top]) this.size(canvas, this.width, this.height);
    this.drawn = null;
    this.whole = null;
    this.draw();
    this.fetch();
    this.fetchWhole();
  }

  size(canvas, width, height) {
    canvas.width = Math.round(width * this.density);
    canvas.height = Math.round(height * this.density);
    canvas.getContext("2d").setTransform(this.density, 0, 0, this.density, 0, 0);
  }

  x(seconds) {
    return ((seconds - this.from) / (this.to - this.from)) * this.width;
  }

  at(x) {
    return this.from + (x / this.width) * (this.to - this.from);
  }

  look(from, to) {
    const length = Math.max(Math.min(CLOSEST, this.duration), Math.min(this.duration, to - from));
    this.from = Math.max(0, Math.min(this.duration - length, from));
    this.to = this.from + length;
    this.draw();
    this.fetch();
  }

  /** Closer (factor < 1) or farther, around a time that stays where it is. */
  zoom(factor, around = this.inView(this.time) ? this.time : (this.from + this.to) / 2) {
    const length = Math.max(Math.min(CLOSEST, this.duration), Math.min(this.duration, (this.to - this.from) * factor));
    const part = (around - this.from) / (this.to - this.from);
    this.look(around - part * length, around - part * length + length);
  }

  pan(seconds) {
    this.look(this.from + seconds, this.to + seconds);
  }

  inView(seconds) {
    return seconds >= this.from && seconds <= this.to;
  }

  /** Brings a stretch into view, turning the page where it is not. */
  reveal(start, end = start) {
    const length = this.to - this.from;
    if (start >= this.from && end <= this.to - length * 0.02) return;
    this.look(start - length * 0.1, start + length * 0.9);
  }

  get zoomed() {
    return this.to - this.from < this.duration - 1e-6;
  }

  /** Asks for what is in view, and half as much around it; one request at a time, then for where one is by then. */
  async fetch() {
    if (!this.sound?.drawn || !this.width || this.asking) return;
    const length = this.to - this.from;
    const enough = this.drawn && this.drawn.from <= this.from && this.drawn.to >= this.to && Math.abs(this.drawn.length - length) < 1e-9;
    if (enough) return;
    const [from, to] = [Math.max(0, this.from - length / 2), Math.min(this.duration, this.to + length / 2)];
    const width = Math.max(1, Math.round(((to - from) / length) * this.width * this.density));
    const { sound } = this;
    this.asking = true;
    try {
      const height = Math.round(this.rows.picture * Math.min(this.density, 2));
      const answer = await sound.ask("view", { from, to, width, height, colours: this.colours });
      if (sound === this.sound) this.drawn = { from, to, length, ...answer };
    } catch {
      if (sound === this.sound) return; // the file is there no more: what was drawn stays
    } finally {
      this.asking = false;
    }
    this.draw();
    this.stage.dataset.drawn = "";
    this.fetch();
  }

  async fetchWhole() {
    if (!this.sound?.drawn || !this.width) return;
    const { sound } = this;
    const width = Math.round(this.width * this.density);
    const answer = await sound.ask("view", { from: 0, to: this.duration, width, height: 0 }).catch(() => null);
    if (!answer || sound !== this.sound) return;
    this.whole = answer;
    this.drawOverview();
  }

  draw() {
    if (!this.width || !this.style) return;
    const context = this.base.getContext("2d");
    context.clearRect(0, 0, this.width, this.height);
    const { wave, picture: tall } = this.rows;
    if (this.drawn) {
      const [left, right] = [this.x(this.drawn.from), this.x(this.drawn.to)];
      outlineOf(context, this.drawn, { left, right, top: 0, height: wave, colour: this.paint.wave });
      picture(context, this.drawn.image, { left, right, top: wave, height: tall });
      frequencies(context, this.drawn.highest, { right: this.width, top: wave, height: tall, style: this.style, paint: this.paint });
    }
    axis(context, this);
    laneOf(context, this);
    this.drawOverview();
    this.drawTop();
  }

  drawOverview() {
    const { overview } = this;
    overview.hidden = !this.zoomed;
    if (overview.hidden) return;
    const [width, height] = [overview.clientWidth, overview.clientHeight];
    this.size(overview, width, height);
    const context = overview.getContext("2d");
    const { paint } = this;
    if (this.whole) outlineOf(context, this.whole, { left: 0, right: width, top: 3, height: height - 6, colour: paint.faint });
    const [left, right] = [this.from, this.to].map((seconds) => (seconds / this.duration) * width);
    context.fillStyle = paint.window;
    context.fillRect(left, 0, Math.max(3, right - left), height);
    context.strokeStyle = paint.accent;
    context.lineWidth = 1.5;
    context.strokeRect(left + 0.75, 0.75, Math.max(3, right - left) - 1.5, height - 1.5);
    context.fillRect((this.time / this.duration) * width, 0, 1.5, height);
  }

  /** What moves: the word that is heard or pointed at, the pointer, the playhead. */
  drawTop() {
    const context = this.top.getContext("2d");
    context.clearRect(0, 0, this.width, this.height);
    const { paint } = this;
    for (const [place, fill] of [[this.current, "marked"], [this.hovered, "pointed"]]) {
      const word = this.words[place]?.word;
      if (!word || word.end < this.from || word.start > this.to || (fill === "pointed" && place === this.current)) continue;
      const [left, wide] = [this.x(word.start), Math.max(2, this.x(word.end) - this.x(word.start))];
      const { wave, picture: tall } = this.rows;
      context.fillStyle = paint[fill];
      context.fillRect(left, 0, wide, wave);
      context.fillRect(left, wave + tall, wide, this.height);
      context.globalAlpha = 0.4; // the spectrogram is to be seen through it
      context.fillRect(left, wave, wide, tall);
      context.globalAlpha = 1;
    }
    if (this.pointer !== null) this.flag(context, this.pointer, paint.quiet, paint.paper);
    if (this.inView(this.time)) {
      context.fillStyle = paint.playhead;
      context.fillRect(this.x(this.time) - 1, 0, 2, this.height);
    }
  }

  flag(context, x, colour, paper) {
    context.fillStyle = colour;
    context.fillRect(x - 0.5, 0, 1, this.rows.wave + this.rows.picture);
    const text = clock(this.at(x), 2);
    context.font = `500 11px ${this.style.fontFamily}`;
    const wide = context.measureText(text).width + 10;
    const left = Math.min(this.width - wide, Math.max(0, x - wide / 2));
    const top = this.rows.wave + this.rows.picture + 2;
    context.beginPath();
    context.roundRect(left, top, wide, 18, 4);
    context.fill();
    context.fillStyle = paper;
    context.fillText(text, left + 5, top + 13);
  }

  /** Where playing is; the slider says so. */
  setTime(seconds, current) {
    this.time = seconds;
    this.current = current;
    this.stage.setAttribute("aria-valuenow", seconds.toFixed(2));
    this.stage.setAttribute("aria-valuetext", `${clock(seconds, 1)} of ${clock(this.duration, 1)}`);
    this.drawTop();
    if (this.zoomed) this.drawOverview();
  }

  hover(place) {
    if (this.hovered === place) return;
    this.hovered = place;
    this.drawTop();
  }

  /** The place of the last word that begins at or before this time; -1 where there is none. */
  lastWord(seconds) {
    return lastBefore(this.words, seconds, (item) => item.word.start);
  }

  /** The place of the word at this time, or within a few pixels of it; -1 where there is none. */
  wordAt(seconds) {
    const place = this.lastWord(seconds);
    const near = ((this.to - this.from) / this.width) * 3;
    return place >= 0 && this.words[place].word.end + near >= seconds ? place : -1;
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
