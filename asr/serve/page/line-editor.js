// One line of a transcript as a text field. Enter or leaving it is done, Escape gives up, Shift+Enter parts the line at the
// caret, Backspace at its start joins it to the one above.

export class LineEditor {
  /** @param {HTMLElement} place what the field stands in for @param {object} then done(text), left(text): the same, and the
   *  focus is elsewhere already; split(head, tail), join(text) or false, toggle() */
  constructor(place, text, caret, then) {
    this.before = text;
    this.then = then;
    this.ended = false;
    this.box = document.createElement("div");
    this.box.className = "line-edit";
    this.field = document.createElement("textarea");
    this.field.value = text;
    this.field.rows = 1;
    this.field.spellcheck = true;
    this.field.setAttribute("aria-label", "Text of the line");
    const note = document.createElement("p");
    note.className = "note";
    note.id = "line-note";
    note.textContent = "Enter: done · Esc: give up · Shift+Enter: part the line · Ctrl+Space: play, pause";
    this.field.setAttribute("aria-describedby", note.id);
    this.box.append(this.field, note);
    this.place = place;
    place.replaceWith(this.box);
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("input", () => this.grow());
    this.field.addEventListener("blur", () => this.end(() => this.then.left(this.field.value)));
    this.field.focus();
    this.field.setSelectionRange(caret, caret);
    this.grow();
  }

  grow() {
    if (CSS.supports("field-sizing", "content")) return;
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
  }

  end(then) {
    if (this.ended) return;
    this.ended = true;
    this.box.replaceWith(this.place);
    then();
  }

  finish() {
    this.end(() => this.then.done(this.field.value));
  }

  key(event) {
    const { value, selectionStart, selectionEnd } = this.field;
    event.stopPropagation();
    if (event.isComposing) return;
    if (event.key === "Enter" && event.shiftKey)
      this.end(() => this.then.split(value.slice(0, selectionStart), value.slice(selectionEnd)));
    else if (event.key === "Enter") this.finish();
    else if (event.key === "Escape") this.end(() => this.then.done(this.before));
    else if (event.key === "Backspace" && this.then.join && !selectionStart && !selectionEnd) this.end(() => this.then.join(value));
    else if (event.key === " " && event.ctrlKey) this.then.toggle();
    else return;
    event.preventDefault();
  }
}
