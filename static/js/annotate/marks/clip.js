// An interval of a video: it begins with one frame and ends with another, both included. Microseconds, half-open.

export class Clip {
  constructor({ stage, places }) { Object.assign(this, { stage, places, from: null }); }

  get isOpen() { return this.from !== null; }

  drop() { this.from = null; }

  // Remembers the frame that is shown as the first; `place`: of the sample whose video it is.
  begin(place) {
    const pane = this.places.videoAt(place);
    if (pane) this.from = { pane, frame: this.stage.player.frame };
    return Boolean(pane);
  }

  // {pane, start, end} from the frame remembered to the one that is shown; null where the video is over by then.
  end() {
    const { pane, frame } = this.from;
    const now = this.stage.player.frame;
    this.from = null;
    const [start, end] = [this.startOf(Math.min(frame, now), pane), this.endOf(Math.max(frame, now), pane)];
    return start < end ? { pane, start, end } : null;
  }

  startOf(frame, pane) { return Math.min(this.micros(frame), pane.medium.spec.duration_us); }

  endOf(frame, pane) { return Math.min(this.micros(frame + 1), pane.medium.spec.duration_us); }

  micros(frame) { return Math.round((frame * 1e6) / this.stage.player.fps); }

  // One edge at the frame that is shown, or where it was if that would leave nothing.
  withEdge(mark, edge, pane) {
    const { frame } = this.stage.player;
    const moved = { ...mark, [edge]: edge === "start" ? this.startOf(frame, pane) : this.endOf(frame, pane) };
    return moved.start < moved.end ? moved : mark;
  }

  // One edge by a frame.
  nudged(mark, edge, direction, pane) {
    const frame = Math.round((mark[edge] * this.stage.player.fps) / 1e6) + direction;
    const micros = Math.min(Math.max(this.micros(frame), 0), pane.medium.spec.duration_us);
    const moved = { ...mark, [edge]: micros };
    return moved.start < moved.end ? moved : mark;
  }
}
