/** Markup with a time amid it: the time is written over that of the line before, and all of it copied at once. */
import { isoDate } from './dates.ts';
import { writeIsoDate } from './iso-date-bytes.ts';

export class DatedMarkup {
  private readonly before: string;
  private readonly after: string;
  private readonly markup: Buffer;
  private second = 0;

  constructor(before: string, after: string) {
    this.before = before;
    this.after = after;
    this.markup = this.plain(0);
  }

  /** Holds until the next call. */
  of(timeMs: number): Buffer {
    const second = writeIsoDate(this.markup, this.before.length, timeMs, this.second);
    if (second < 0) return this.plain(timeMs);
    this.second = second;
    return this.markup;
  }

  /** The same for all times that there are. */
  private plain(timeMs: number): Buffer {
    return Buffer.from(this.before + isoDate(timeMs) + this.after);
  }
}
