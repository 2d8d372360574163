// The panel that records: level, time, live text, and what to do if there is no microphone.

import { clock } from "./formats.js";
import { Live } from "./live.js";
import { Recorder, whyNot } from "./recorder.js";

const BAR = 4; // pixels a block takes in the picture of the level
const SILENT = 0.01; // a peak below this for three seconds: is the microphone off?

const element = (id) => document.getElementById(id);

export class RecordView {
  /** @param {object} page taken(file): a recording is there; model(): its name; say(text): to screen readers */
  constructor(page) {
    this.page = page;
    this.panel = element("recorder");
    this.canvas = element("level");
    element("record").addEventListener("click", () => this.begin());
    element("recorder-stop").addEventListener("click", () => this.end(true));
    element("recorder-cancel").addEventListener("click", () => this.end(false));
    this.panel.addEventListener("keydown", (event) => event.key === "Escape" && this.end(false));
    window.addEventListener("beforeunload", (event) => this.recorder && event.preventDefault());
    this.complain(whyNot());
    element("record").disabled = whyNot() !== "";
  }

  complain(message) {
    element("record-note").textContent = message;
    element("record-note").hidden = !message;
  }

  async begin() {
    if (this.recorder) return;
    this.complain("");
    this.peaks = [];
    this.recorder = new Recorder((peak, block) => this.heard(peak, block), () => this.lost());
    element("record").disabled = true;
    try {
      await this.recorder.start();
    } catch (error) {
      this.recorder.discard();
      this.recorder = null;
      element("record").disabled = false;
      this.complain(error.message);
      this.page.say(error.message);
      return;
    }
    element("timer").textContent = clock(0, 1);
    element("live").hidden = true;
    element("live").replaceChildren();
    document.body.classList.add("recording");
    element("start").hidden = true;
    this.panel.hidden = false;
    element("recorder-stop").focus();
    this.page.say("Recording");
    this.listen();
    this.draw();
  }

  listen() {
    const model = this.page.model();
    if (!model) return;
    this.live = new Live(model, this.recorder.rate);
    this.live.addEventListener("text", ({ detail }) => {
      const open = document.createElement("span");
      open.textContent = detail.open;
      element("live").replaceChildren(`${detail.settled} `, open);
      element("live").hidden = false;
    });
    this.live.addEventListener("lost", () => (this.live = null)); // the recording goes on without
  }

  heard(peak, block) {
    if (!this.recorder) return; // the last blocks come after the end
    this.peaks.push(peak);
    this.live?.send(block);
    element("meter").value = peak;
    const recent = this.peaks.slice(-Math.ceil((3 * this.recorder.rate) / 2048));
    const quiet = this.recorder.seconds > 3 && Math.max(...recent) < SILENT;
    const loud = recent.some((value) => value > 0.99);
    const note = quiet ? "Nothing is heard. Is the right microphone on?" : loud ? "That is too loud: move away a little." : "";
    if (element("level-note").textContent !== note) element("level-note").textContent = note;
  }

  draw() {
    if (!this.recorder) return;
    element("timer").textContent = clock(this.recorder.seconds, 1);
    const { canvas } = this;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const density = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * density)) [canvas.width, canvas.height] = [width * density, height * density];
    const context = canvas.getContext("2d");
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, width, height);
    context.fillStyle = getComputedStyle(canvas).getPropertyValue("--wave");
    const shown = this.peaks.slice(-Math.floor(width / BAR));
    shown.forEach((peak, i) => {
      const tall = Math.max(2, Math.sqrt(peak) * (height - 12)); // loudness is nearer to the root
      context.beginPath();
      context.roundRect(width - (shown.length - i) * BAR, (height - tall) / 2, BAR - 1.5, tall, 1.25);
      context.fill();
    });
    requestAnimationFrame(() => this.draw());
  }

  /** What was recorded until then is kept. */
  async lost() {
    await this.end(true);
    this.complain("The microphone is gone. What was recorded until then is being transcribed.");
  }

  async end(keep) {
    const { recorder, live } = this;
    if (!recorder) return;
    this.recorder = null;
    this.live = null;
    live?.close();
    const file = keep ? await recorder.stop() : recorder.discard();
    document.body.classList.remove("recording");
    this.panel.hidden = true;
    element("start").hidden = false;
    element("record").disabled = false;
    if (file) {
      const now = new Date();
      const two = (value) => String(value).padStart(2, "0");
      const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
      this.page.taken(file, `recording ${day} ${two(now.getHours())}.${two(now.getMinutes())}.${two(now.getSeconds())}.wav`);
    } else {
      element("record").focus();
      this.page.say(keep ? "Nothing was recorded" : "Recording discarded");
      if (keep) this.complain("Nothing was recorded: the microphone gave no sound.");
    }
  }
}
