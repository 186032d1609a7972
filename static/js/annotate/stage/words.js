// What the stage says: the page gives every text, translated; %(name)s stands for a value, %% for a per cent sign.

export class Words {
  constructor(texts) { this.texts = texts; }

  has(key) { return key in this.texts; }

  say(key, values = {}) {
    if (!this.has(key)) throw new Error(`The stage has no text "${key}": annotation/views/stage_texts.py lists them all.`);
    return this.texts[key].replace(/%%|%\((\w+)\)s/g, (found, name) => (found === "%%" ? "%" : String(values[name])));
  }
}
