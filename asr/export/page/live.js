// Stands where the page of `asr serve` shows text while one speaks: here a recording is heard as a whole, when it is over.

export class Live extends EventTarget {
  send() {}

  close() {}
}
