/**
 * The dates of signed requests: the two ISO 8601 forms, and RFC 1123 for the Date header. Strict:
 * `Date.parse` would take half of the world's spellings, in local time at that.
 */

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

const isoBasic = /^\d{8}T\d{6}Z$/;
const basicDay = /^\d{8}$/;
const isoExtended = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?Z$/;
const rfc1123 =
  /^(?:[A-Z][a-z]{2}, )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) (?:GMT|UTC|\+0000|-0000)$/;

/** `20130524T000000Z` to milliseconds since 1970; undefined for anything else. */
export function parseAmzDate(text: string): number | undefined {
  if (!isoBasic.test(text)) return undefined;
  // Every request has one: its digits are read without an array of them.
  return utc(
    digits(text, 0, 4),
    digits(text, 4, 6),
    digits(text, 6, 8),
    digits(text, 9, 11),
    digits(text, 11, 13),
    digits(text, 13, 15),
  );
}

/** A Date or X-Amz-Date header in any form that S3 reads there; a time before 1970 is none. */
export function parseHeaderDate(text: string): number | undefined {
  const ms = parseAnyDate(text);
  return ms === undefined || ms < 0 ? undefined : ms;
}

function parseAnyDate(text: string): number | undefined {
  const basic = parseAmzDate(text);
  if (basic !== undefined) return basic;
  const extended = isoExtended.exec(text);
  if (extended !== null) {
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = extended
      .slice(1, 7)
      .map(Number);
    return utc(year, month, day, hour, minute, second);
  }
  const match = rfc1123.exec(text);
  if (match === null) return undefined;
  const [, day, monthName = '', year, hour, minute, second] = match;
  const month = months.indexOf(monthName) + 1;
  if (month === 0) return undefined;
  return utc(Number(year), month, Number(day), Number(hour), Number(minute), Number(second));
}

/** True for the form `20130524T000000Z`, be there such a day or not. */
export function isAmzDate(text: string): boolean {
  return isoBasic.test(text);
}

/** `20130524T000000Z` */
export function amzDate(ms: number): string {
  return isoSeconds(ms).replace(/[-:]/g, '');
}

/** `2013-05-24T00:00:00Z`, the form of times in error documents. */
export function isoSeconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** True for `yyyymmdd` of a day that exists. */
export function isDay(text: string): boolean {
  if (!basicDay.test(text)) return false;
  return utc(digits(text, 0, 4), digits(text, 4, 6), digits(text, 6, 8), 0, 0, 0) !== undefined;
}

/** The number that the digits of [start, end) make. */
function digits(text: string, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at += 1) value = value * 10 + text.charCodeAt(at) - 0x30;
  return value;
}

/** Undefined where a field is out of range: Date.UTC would carry the 30th of February over. */
function utc(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): number | undefined {
  // Years below 100 would be read as 1900 and later.
  if (year < 1000 || month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) {
    return undefined;
  }
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function daysOf(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}
