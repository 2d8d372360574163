// The recording that is shown: how far it is, its sound, its words, and what can be taken along.

import { STEPS } from "./confidence.js";
import { placed } from "./document.js";
import { FORMATS, clock, nameFor } from "./formats.js";
import { stateOf } from "./list-view.js";
import { Player } from "./player.js";
import { SAID, UNREADABLE } from "./server.js";
import { Sound } from "./sound.js";
import { Timeline } from "./timeline.js";
import { TranscriptView } from "./transcript.js";

const HOPELESS = [UNREADABLE, 400, 413, 415, 422]; // the same file will be refused again

const element = (id) => document.getElementById(id);

export class ResultView {
  /** @param {object} page jobs, say(text) to screen readers */
  constructor(page) {
    this.page = page;
    this.jobs = page.jobs;
    this.job = null;
    this.timeline = new Timeline(element("stage"), element("overview"));
    this.transcript = new TranscriptView(element("segments"), element("tip"));
    this.listen();
    this.tick();
  }

  listen() {
    const { timeline, transcript, jobs } = this;
    timeline.addEventListener("seek", ({ detail }) => this.seek(detail));
    timeline.addEventListener("word", ({ detail }) => this.hear(detail));
    timeline.addEventListener("hover", ({ detail }) => transcript.highlight(detail));
    transcript.addEventListener("word", ({ detail }) => this.hear(detail));
    transcript.addEventListener("from", ({ detail }) => this.playFrom(detail));
    transcript.addEventListener("point", ({ detail }) => timeline.hover(detail));
    transcript.addEventListener("edit", ({ detail }) => jobs.edit(this.job, detail));
    transcript.addEventListener("toggle", () => this.toggle());
    const player = element("player");
    new ResizeObserver(() => {
      // All above the axis may scroll away.
      const part = element("stage").offsetTop + timeline.rows.wave + timeline.rows.picture;
      player.style.setProperty("--hidden-part", `${element("stage").hidden ? 0 : part}px`);
    }).observe(player);
    const click = (id, action) => element(id).addEventListener("click", action);
    click("play", () => this.toggle());
    click("zoom-in", () => timeline.zoom(0.5));
    click("zoom-out", () => timeline.zoom(2));
    click("zoom-all", () => timeline.look(0, timeline.duration));
    click("undo", () => jobs.undo(this.job));
    click("redo", () => jobs.redo(this.job));
    click("next-unsure", () => transcript.nextUnsure());
    click("cancel", () => jobs.cancel(this.job));
    click("retry", () => jobs.retry(this.job));
    click("drop-job", () => jobs.remove(this.job));
    click("copy", () => this.copy());
    element("downloads").addEventListener("click", ({ target }) => target.dataset.format && this.download(target.dataset.format));
    element("speed").addEventListener("change", ({ target }) => this.player && (this.player.speed = Number(target.value)));
  }

  /** Shows a recording; null: none is left. */
  async show(job) {
    if (job === this.job) return;
    this.player?.close();
    this.player = null;
    this.job = job;
    if (!job) return;
    element("title").textContent = job.name;
    this.timeline.show(null, [], 0);
    delete element("stage").dataset.drawn;
    this.transcript.show({ segments: [] });
    this.transcript.visited = false;
    this.update(job);
    job.opening ??= Sound.open(job.file);
    job.sound = await job.opening;
    if (job !== this.job) return;
    this.openSound();
  }

  openSound() {
    const { job } = this;
    const { sound } = job;
    if (sound.playable && !this.player) {
      this.player = new Player(sound);
      this.player.speed = Number(element("speed").value);
      this.player.addEventListener("state", () => this.playState());
    }
    element("controls").hidden = !sound.playable;
    element("sound-note").textContent = sound.reason;
    element("sound-note").hidden = !sound.reason;
    const duration = Number.isFinite(sound.duration) && sound.duration ? sound.duration : (job.duration ?? 0);
    element("stage").hidden = !duration;
    this.timeline.show(sound, job.document ? placed(job.document) : [], duration);
    this.playState();
    this.update(job);
  }

  /** After anything about this recording changed. */
  update(job) {
    if (job !== this.job) return;
    const running = ["waiting", "uploading", "listening"].includes(job.state);
    element("progress").hidden = !running;
    if (running) this.showProgress();
    const failed = job.state === "failed" || job.state === "cancelled";
    element("fault").hidden = !failed;
    if (failed) this.showFault();
    element("player").hidden = !job.sound || (failed && !job.sound.playable);
    const done = job.state === "done";
    element("downloads").hidden = !done;
    element("tools").hidden = !done;
    element("partial").hidden = done || !job.text;
    element("partial").textContent = job.text;
    element("transcript").hidden = !done && !(running && job.text);
    element("facts").textContent = this.facts();
    if (done && this.transcript.document !== job.document) this.showDocument();
    element("legend").hidden = !done || !element("legend").children.length;
  }

  facts() {
    const { job } = this;
    const duration = job.duration ?? (Number.isFinite(job.sound?.duration) ? job.sound.duration : 0);
    const words = job.document ? job.document.segments.reduce((sum, segment) => sum + segment.words.length, 0) : 0;
    return [
      duration ? clock(duration, duration < 60 ? 1 : 0) : "",
      job.document ? `${words} ${words === 1 ? "word" : "words"}` : "",
      job.model,
      job.took ? `transcribed in ${job.took < 10 ? Math.max(0.1, job.took).toFixed(1) : clock(job.took)}${job.took < 60 ? " s" : ""}` : "",
    ].filter(Boolean).map((fact) => fact.replaceAll(" ", "\u00a0")).join("  ·  ");
  }

  showProgress() {
    const { job } = this;
    element("phase").textContent = stateOf(job);
    const length = job.length ?? job.sound?.duration;
    const bar = element("bar");
    if (job.state === "uploading") bar.value = job.uploaded;
    else if (job.state === "listening" && job.heard && Number.isFinite(length) && length) bar.value = job.heard / length;
    else bar.removeAttribute("value");
  }

  showFault() {
    const { job } = this;
    const cancelled = job.state === "cancelled";
    element("fault-title").textContent = cancelled ? "Cancelled" : "This could not be transcribed";
    element("fault-message").textContent = cancelled ? SAID.cancelled : job.error.message;
    element("fault-advice").textContent = cancelled ? "" : job.error.advice;
    element("retry").hidden = !cancelled && HOPELESS.includes(job.error.status);
    element("fault-token").hidden = cancelled || ![401, 403].includes(job.error.status);
  }

  showDocument() {
    const { job } = this;
    this.transcript.show(job.document);
    this.timeline.setWords(this.transcript.places);
    this.moved = true;
    if (job.sound && !this.timeline.duration) this.openSound(); // its length was not known before
    element("undo").disabled = !job.history.length;
    element("redo").disabled = !job.undone.length;
    const unsure = this.transcript.unsure().length;
    element("next-unsure").hidden = !unsure;
    element("next-unsure").textContent = `Next unsure word (${unsure})`;
    this.showLegend();
    if (!this.transcript.places.length && document.activeElement === document.body) element("undo").focus(); // the word is gone
    if (!this.transcript.places.length) {
      element("partial").textContent = job.history.length ? "All words were deleted." : "No words were heard in it.";
      element("partial").hidden = false;
    }
  }

  showLegend() {
    const words = this.transcript.places.map(({ word }) => word);
    const shown = words.some((word) => word.confidence !== null) ? STEPS.map(({ name, label }) => [name, label]) : [];
    if (words.some((word) => word.edited)) shown.push(["edited", "changed by hand"]);
    const names = { sure: "sure", fair: "fairly sure", unsure: "unsure", edited: "edited" };
    element("legend").replaceChildren(
      ...shown.map(([name, label]) => {
        const item = document.createElement("li");
        const example = document.createElement("b");
        example.className = name;
        example.textContent = names[name];
        item.append(example, label);
        return item;
      }),
    );
  }

  // Playing

  toggle() {
    this.player?.toggle();
  }

  seek(seconds) {
    if (!this.player) return;
    this.player.time = seconds;
    this.timeline.time = this.player.time; // at once: keys may come faster than pictures
    this.timeline.reveal(this.player.time);
  }

  hear(place) {
    const { word } = this.transcript.places[place];
    this.timeline.reveal(word.start, word.end);
    this.player?.only(word.start, word.end);
  }

  playFrom(place) {
    if (!this.player) return;
    this.seek(this.transcript.places[place].word.start);
    this.player.play();
  }

  playState() {
    const playing = this.player?.running ?? false;
    element("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    element("play").querySelector("use").setAttribute("href", playing ? "#i-pause" : "#i-play");
    this.moved = true;
  }

  /** Each frame: what moves while a file is played or heard. */
  tick() {
    requestAnimationFrame(() => this.tick());
    const { job, player, timeline } = this;
    if (job?.began && ["uploading", "listening"].includes(job.state))
      element("elapsed").textContent = clock((performance.now() - job.began) / 1000);
    else element("elapsed").textContent = "";
    if (!player || !timeline.duration) return;
    const { time } = player;
    if (time === this.time && !this.moved) return;
    this.moved = false;
    this.time = time;
    const follow = element("follow").checked && player.playing;
    // Players round times; and a word that has just been heard by itself is still the one.
    const place = timeline.wordAt(player.stretch ? Math.max(player.stretch.start, time - 0.02) : time + 0.005);
    timeline.setTime(time, place);
    this.transcript.mark(place, follow && !this.transcript.editor);
    if (follow && !timeline.inView(time)) timeline.reveal(time);
    element("position").textContent = `${clock(time, 1)} / ${clock(timeline.duration, 1)}`;
  }

  // Taking along

  download(format) {
    const { job } = this;
    const { type, write, label } = FORMATS[format];
    const name = nameFor(job.name, format);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([write(job.document, job)], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    job.saved = job.document;
    this.jobs.edited(job);
    this.page.say(`${label}: ${name}`);
  }

  async copy() {
    const text = FORMATS.txt.write(this.job.document);
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Pages that are neither on localhost nor https have no clipboard, but may copy what is selected.
      const field = document.createElement("textarea");
      field.value = text;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    this.page.say("Copied");
    element("copy").textContent = "Copied";
    setTimeout(() => (element("copy").textContent = "Copy text"), 1500);
  }
}
