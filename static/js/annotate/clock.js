// The seconds somebody spends on an item: only while the page is visible and nothing pauses it.

export class Clock {
  constructor(now = () => performance.now()) {
    this.now = now;
    this.reasons = new Set(document.hidden ? ["hidden"] : []);
    this.spent = 0;
    this.since = null;
    document.addEventListener("visibilitychange", () => this.set("hidden", document.hidden));
  }

  // From `spent` seconds on: an item that was put aside goes on where it was.
  start(spent = 0) {
    this.spent = spent * 1000;
    this.since = this.reasons.size ? null : this.now();
  }

  set(reason, isOn) {
    this.spent = this.seconds * 1000;
    if (isOn) this.reasons.add(reason);
    else this.reasons.delete(reason);
    this.since = this.reasons.size ? null : this.now();
  }

  get seconds() {
    const running = this.since === null ? 0 : this.now() - this.since;
    return (this.spent + running) / 1000;
  }
}
