// The words of a transcript as text: heard, walked through by keys, and corrected line by line.
//
// Events (detail): "word" and "from" (a word to hear, to play from), "point" (its place, or -1), "edit" (the new document),
// "toggle" (play or pause).

import { describe, stepOf } from "./confidence.js";
import { join, joinWords, placed, removeWord, setText, split, textOf } from "./document.js";
import { clock } from "./formats.js";
import { LineEditor } from "./line-editor.js";

export class TranscriptView extends EventTarget {
  constructor(list, tip) {
    super();
    this.list = list;
    this.tip = tip;
    this.document = { segments: [] };
    this.places = []; // { word, segment, index } of the whole document
    this.lines = new WeakMap(); // segment -> its element: what an edit leaves alone is not made again
    this.editor = null;
    this.current = null;
    list.addEventListener("click", (event) => this.click(event));
    list.addEventListener("dblclick", (event) => this.doubleClick(event));
    list.addEventListener("keydown", (event) => this.key(event));
    list.addEventListener("focusin", (event) => this.arrive(event.target.closest(".word")));
    list.addEventListener("focusout", () => this.hideTip());
    list.addEventListener("pointerover", (event) => this.point(event.target.closest(".word")));
    list.addEventListener("pointerleave", () => this.point(null));
    window.addEventListener("resize", () => this.hideTip()); // its word is elsewhere then
  }

  show(document) {
    const focused = this.list.ownerDocument.activeElement?.closest(".word");
    const held = focused && this.list.contains(focused) ? this.placeOf(focused) : -1;
    this.editor = null;
    this.document = document;
    this.places = placed(document);
    let first = 0;
    const lines = document.segments.map((segment, index) => {
      if (!this.lines.has(segment)) this.lines.set(segment, lineOf(segment));
      const line = this.lines.get(segment);
      line.dataset.index = index;
      line.dataset.first = first;
      first += segment.words.length;
      return line;
    });
    const kept = new Set(lines);
    for (const old of [...this.list.children]) if (!kept.has(old)) old.remove();
    lines.forEach((line, index) => {
      if (this.list.children[index] !== line) this.list.insertBefore(line, this.list.children[index] ?? null);
    });
    this.hideTip();
    const entry = this.list.querySelector('.word[tabindex="0"]') ?? this.list.querySelector(".word");
    if (entry) this.rove(entry);
    if (held >= 0 && !focused.isConnected && entry) this.focus(held); // what one was at is gone: at its place, then
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  // Places and elements

  placeOf(element) {
    const line = element.closest(".segment");
    return Number(line.dataset.first) + Number(element.dataset.index);
  }

  elementOf(place) {
    const found = this.places[place];
    return found ? this.list.children[found.segment]?.querySelectorAll(".word")[found.index] : null;
  }

  rove(element) {
    this.list.querySelectorAll('.word[tabindex="0"]').forEach((word) => (word.tabIndex = -1));
    element.tabIndex = 0;
  }

  focus(place) {
    const element = this.elementOf(Math.max(0, Math.min(this.places.length - 1, place)));
    element?.focus();
    return element;
  }

  /** The word that is being heard; in sight where `follow`. */
  mark(place, follow) {
    const element = this.elementOf(place);
    if (element === this.current) return;
    this.current?.classList.remove("current");
    element?.classList.add("current");
    this.current = element;
    if (element && follow) element.scrollIntoView({ block: "nearest" });
  }

  /** A word pointed at elsewhere. */
  highlight(place) {
    this.pointed?.classList.remove("pointed");
    this.pointed = this.elementOf(place);
    this.pointed?.classList.add("pointed");
  }

  // What is known of a word, beside it

  arrive(element) {
    if (!element) return;
    this.rove(element);
    if (element.matches(":focus-visible")) this.showTip(element);
  }

  point(element) {
    if (element) this.showTip(element);
    else this.hideTip();
    this.tell("point", element ? this.placeOf(element) : -1);
  }

  showTip(element) {
    const { word } = this.places[this.placeOf(element)];
    const known = describe(word);
    this.tip.textContent = `${clock(word.start, 2)} – ${clock(word.end, 2)}${known ? `  ·  ${known}` : ""}`;
    this.tip.hidden = false;
    const box = element.getClientRects()[0];
    const wide = this.tip.offsetWidth;
    const left = Math.max(8, Math.min(document.documentElement.clientWidth - wide - 8, box.left + box.width / 2 - wide / 2));
    this.tip.style.left = `${left + window.scrollX}px`;
    this.tip.style.top = `${box.top + window.scrollY - this.tip.offsetHeight - 4}px`;
  }

  hideTip() {
    this.tip.hidden = true;
  }

  // Pointer and keys

  click(event) {
    const word = event.target.closest(".word");
    if (word) {
      word.focus();
      this.tell("word", this.placeOf(word));
    } else if (event.target.closest(".when")) this.tell("from", Number(event.target.closest(".segment").dataset.first));
    else if (event.target.closest(".change")) this.edit(Number(event.target.closest(".segment").dataset.index));
  }

  doubleClick(event) {
    const word = event.target.closest(".word");
    if (word) this.edit(Number(word.closest(".segment").dataset.index), Number(word.dataset.index));
  }

  key(event) {
    const element = event.target.closest(".word");
    if (!element || event.altKey || event.ctrlKey || event.metaKey) return;
    const place = this.placeOf(element);
    const { segment, index } = this.places[place];
    const line = (step) => {
      const next = this.list.children[segment + step];
      if (next) this.focus(Number(next.dataset.first) + Math.min(index, next.querySelectorAll(".word").length - 1));
    };
    const actions = {
      ArrowLeft: () => this.focus(place - 1),
      ArrowRight: () => this.focus(place + 1),
      ArrowUp: () => line(-1),
      ArrowDown: () => line(1),
      Home: () => this.focus(0),
      End: () => this.focus(this.places.length - 1),
      Enter: () => this.tell(event.shiftKey ? "from" : "word", place),
      F2: () => this.edit(segment, index),
      e: () => this.edit(segment, index),
      u: () => this.nextUnsure(),
      m: () => this.change(joinWords(this.document, segment, index), place),
      Delete: () => this.change(removeWord(this.document, segment, index), place),
    };
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  /** Places of the words that the model is unsure of. */
  unsure() {
    return this.places.flatMap(({ word }, place) => (stepOf(word) === "unsure" ? [place] : []));
  }

  /** To the next word that the model is unsure of, after the one where one is; from the first again at the end. */
  nextUnsure() {
    const unsure = this.unsure();
    if (!unsure.length) return;
    const here = this.list.querySelector('.word[tabindex="0"]');
    const at = here && this.visited ? this.placeOf(here) : -1;
    this.visited = true;
    const place = unsure.find((one) => one > at) ?? unsure[0];
    const element = this.focus(place);
    if (element) this.showTip(element);
    this.tell("word", place);
  }

  // Edits

  change(document, place) {
    if (document === this.document) return;
    this.tell("edit", document);
    this.focus(place);
  }

  /** Opens a line for correction, the caret at the end of a word of it, or of all. */
  edit(index, word = Infinity) {
    if (this.editor) this.editor.finish();
    const segment = this.document.segments[index];
    const line = this.list.children[index];
    if (!segment || !line) return;
    const caret = textOf({ words: segment.words.slice(0, word + 1) }).length;
    this.hideTip();
    this.editor = new LineEditor(line.querySelector(".words"), textOf(segment), caret, {
      done: (text) => this.close(setText(this.document, index, text), index, word),
      left: (text) => this.apply(setText(this.document, index, text)),
      split: (head, tail) => this.close(split(this.document, index, head, tail), index + 1, 0),
      join: index > 0 && ((text) => this.joinUp(index, text)),
      toggle: () => this.tell("toggle"),
    });
  }

  joinUp(index, text) {
    const edited = setText(this.document, index, text);
    const gone = edited.segments.length < this.document.segments.length; // nothing was left of it
    const last = this.document.segments[index - 1].words.length - 1;
    this.apply(gone ? edited : join(edited, index));
    this.edit(index - 1, last);
  }

  apply(document) {
    this.editor = null;
    if (document !== this.document) this.tell("edit", document);
  }

  close(document, index, word) {
    this.apply(document);
    const line = this.list.children[Math.min(index, this.list.children.length - 1)];
    if (line) this.focus(Number(line.dataset.first) + Math.min(word, line.querySelectorAll(".word").length - 1));
  }
}

const EMPTY = document.createElement("template"); // Shift+Enter and F2 on a word do what its buttons do: a stop each would be many
EMPTY.innerHTML =
  '<li class="segment"><button type="button" class="when" tabindex="-1"></button><p class="words"></p>' +
  '<button type="button" class="change plain icon" tabindex="-1"><svg aria-hidden="true"><use href="#i-edit"/></svg></button></li>';
const WORD = document.createElement("template");
WORD.innerHTML = '<span role="button" aria-roledescription="word" tabindex="-1"></span>';

function lineOf(segment) {
  const line = EMPTY.content.firstChild.cloneNode(true);
  const [when, words, change] = line.children;
  when.textContent = clock(segment.words[0].start);
  when.setAttribute("aria-label", `Play from ${when.textContent}`);
  change.setAttribute("aria-label", `Correct the line at ${when.textContent}`);
  segment.words.forEach((word, index) => {
    const element = WORD.content.firstChild.cloneNode(true);
    element.className = `word ${stepOf(word)}`;
    element.textContent = word.word;
    element.dataset.index = index;
    const known = describe(word);
    if (known) element.setAttribute("aria-label", `${word.word}, ${known}`);
    words.append(element, " ");
  });
  return line;
}
