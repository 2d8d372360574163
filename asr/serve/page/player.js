// Plays a file, from anywhere, and any stretch of it exactly. Events: "state" (it began or stopped).

const FADE = 0.004; // seconds, at both ends of a stretch: a cut in the middle of a wave clicks

export class Player extends EventTarget {
  constructor(sound) {
    super();
    this.sound = sound;
    this.element = new Audio();
    this.element.preload = "auto";
    this.element.src = sound.address;
    for (const name of ["play", "pause", "ended"]) this.element.addEventListener(name, () => this.tell());
    this.stretch = null; // what is being played by itself: { start, end, began, source }
  }

  tell() {
    this.dispatchEvent(new Event("state"));
  }

  get playing() {
    return this.stretch !== null || !this.element.paused;
  }

  /** Whether it goes on by itself; a stretch alone ends soon. */
  get running() {
    return this.stretch === null && !this.element.paused;
  }

  get time() {
    if (!this.stretch) return this.element.currentTime;
    if (!this.stretch.source) return this.element.currentTime;
    return Math.min(this.stretch.end, this.stretch.start + Math.max(0, this.context.currentTime - this.stretch.began));
  }

  set time(seconds) {
    this.stop();
    this.element.currentTime = Math.max(0, Math.min(this.sound.duration, seconds));
    this.tell();
  }

  set speed(value) {
    this.element.playbackRate = value;
  }

  /** Ends a stretch that is being played by itself. */
  stop() {
    const source = this.stretch?.source;
    this.stretch = null;
    if (source) {
      source.onended = null;
      source.stop();
    }
  }

  /** Pauses; or plays on, also from a stretch that is being heard. */
  toggle() {
    if (this.running) this.pause();
    else this.play();
  }

  play() {
    this.stop();
    if (this.element.currentTime >= this.sound.duration - 0.01) this.element.currentTime = 0;
    // Refused where the file is cut or the page has not been touched yet; the button then says "Play" again.
    this.element.play().catch(() => this.tell());
  }

  pause() {
    this.stop();
    this.element.pause();
    this.tell();
  }

  /** Plays from one second to another, and nothing before or after it. */
  async only(start, end) {
    this.pause();
    this.element.currentTime = start;
    const stretch = { start, end: Math.max(end, start + 0.05), began: 0, source: null };
    this.stretch = stretch;
    if (this.sound.drawn) await this.fromSamples(stretch);
    else this.fromElement(stretch);
    this.tell();
  }

  async fromSamples(stretch) {
    this.context ??= new AudioContext();
    const ready = this.context.resume();
    const answer = await this.sound.ask("stretch", { from: stretch.start, to: stretch.end }).catch(() => null);
    await ready;
    if (this.stretch !== stretch) return; // something else was asked for meanwhile
    if (!answer?.samples.length) {
      this.pause();
      return;
    }
    const { samples, rate } = answer;
    const edge = Math.min(Math.round(FADE * rate), samples.length >> 1);
    for (let i = 0; i < edge; i += 1) {
      samples[i] *= i / edge;
      samples[samples.length - 1 - i] *= i / edge;
    }
    const buffer = this.context.createBuffer(1, samples.length, rate);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(this.context, { buffer });
    source.connect(this.context.destination);
    stretch.source = source;
    stretch.began = this.context.currentTime;
    source.onended = () => {
      if (this.stretch !== stretch) return;
      this.stretch = null;
      this.tell();
    };
    source.start();
  }

  fromElement(stretch) {
    const watch = () => {
      if (this.stretch !== stretch) return;
      if (this.element.currentTime >= stretch.end) this.pause();
      else requestAnimationFrame(watch);
    };
    this.element.play().then(watch, () => this.pause());
  }

  close() {
    this.pause();
    this.element.removeAttribute("src");
    this.context?.close();
  }
}
