/**
 * The dates of signed requests: the two ISO 8601 forms, and RFC 1123 for the Date header. Strict:
 * `Date.parse` would take half of the world's spellings, in local time at that.
 */

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

const isoBasic = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;
const isoExtended = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?Z$/;
const rfc1123 =
  /^(?:[A-Z][a-z]{2}, )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) (?:GMT|UTC|\+0000|-0000)$/;

/** `20130524T000000Z` to milliseconds since 1970; undefined for anything else. */
export function parseAmzDate(text: string): number | undefined {
  const match = isoBasic.exec(text);
  return match === null ? undefined : utc(match.slice(1).map(Number));
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
  if (extended !== null) return utc(extended.slice(1, 7).map(Number));
  const match = rfc1123.exec(text);
  if (match === null) return undefined;
  const [, day, monthName = '', year, hour, minute, second] = match;
  const month = months.indexOf(monthName) + 1;
  return month === 0 ? undefined : utc([year, month, day, hour, minute, second].map(Number));
}

/** `20130524`: the day in UTC, as credentials name it. */
export function amzDay(ms: number): string {
  return amzDate(ms).slice(0, 8);
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
  return text.length === 8 && parseAmzDate(`${text}T000000Z`) !== undefined;
}

/** Undefined where a field is out of range: Date.UTC would carry the 30th of February over. */
function utc(fields: readonly number[]): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields;
  // Years below 100 would be read as 1900 and later.
  if (year < 1000) return undefined;
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(ms);
  const isSame =
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  return isSame ? ms : undefined;
}
