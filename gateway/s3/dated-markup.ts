/** Markup with a time amid it: the time is written over that of the line before, and all of it copied at once. */
import { isoDate } from './dates.ts';
import { dayOf, writeIsoDate } from './iso-date-bytes.ts';

export class DatedMarkup {
  private readonly before: string;
  private readonly after: string;
  private readonly markup: Buffer;
  private day = 0;

  constructor(before: string, after: string) {
    this.before = before;
    this.after = after;
    this.markup = this.plain(0);
  }

  /** Holds until the next call. */
  of(timeMs: number): Buffer {
    if (!writeIsoDate(this.markup, this.before.length, timeMs, this.day)) return this.plain(timeMs);
    this.day = dayOf(timeMs);
    return this.markup;
  }

  /** The same for all times that there are. */
  private plain(timeMs: number): Buffer {
    return Buffer.from(this.before + isoDate(timeMs) + this.after);
  }
}
