/** Dates as S3 writes and reads them. Times are milliseconds since 1970, UTC. */

const dayMs = 86_400_000;
const [hourMs, minuteMs, secondMs] = [3_600_000, 60_000, 1000];
const twoDigits = Array.from({ length: 60 }, (_, value) => String(value).padStart(2, '0'));

/** The day of the last time that was written, '2026-01-31T': times in lists are of few days. */
let lastDay = { number: Number.NaN, text: '' };

/** For XML: 2026-01-31T12:34:56.789Z, with milliseconds as S3 sends them. Throws RangeError for no time. */
export function isoDate(timeMs: number): string {
  const number = Math.floor(timeMs / dayMs);
  if (number !== lastDay.number) {
    lastDay = {
      number,
      text: new Date(number * dayMs).toISOString().slice(0, -'hh:mm:ss.mmmZ'.length),
    };
  }
  const inDay = timeMs - number * dayMs;
  const milliseconds = String(Math.floor(inDay % secondMs)).padStart(3, '0');
  return `${lastDay.text}${clockTime(inDay)}.${milliseconds}Z`;
}

/** 12:34:56 */
function clockTime(inDay: number): string {
  const hours = twoDigits[Math.floor(inDay / hourMs)];
  const minutes = twoDigits[Math.floor((inDay % hourMs) / minuteMs)];
  const seconds = twoDigits[Math.floor((inDay % minuteMs) / secondMs)];
  return `${hours}:${minutes}:${seconds}`;
}

/** The day of the last header, 'Sat, 31 Jan 2026 '. */
let lastHeaderDay = { number: Number.NaN, text: '' };

/** For headers: Sat, 31 Jan 2026 12:34:56 GMT (RFC 9110 section 5.6.7, IMF-fixdate). */
export function httpDate(timeMs: number): string {
  const number = Math.floor(timeMs / dayMs);
  if (number !== lastHeaderDay.number) {
    const text = new Date(number * dayMs).toUTCString().slice(0, -'hh:mm:ss GMT'.length);
    lastHeaderDay = { number, text };
  }
  return `${lastHeaderDay.text}${clockTime(timeMs - number * dayMs)} GMT`;
}

/** Conditions are compared in whole seconds, which is all that a header carries. */
export function wholeSeconds(timeMs: number): number {
  return Math.floor(timeMs / 1000);
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const monthName = months.join('|');
const timeOfDay = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)';
/** The three forms that RFC 9110 section 5.6.7 makes recipients accept. Day names are not compared. */
const httpForms: readonly RegExp[] = [
  new RegExp(
    `^\\w{3}, (?<day>\\d\\d) (?<month>${monthName}) (?<year>\\d{4}) ${timeOfDay} GMT$`,
    'i',
  ),
  new RegExp(
    `^\\w{6,9}, (?<day>\\d\\d)-(?<month>${monthName})-(?<year>\\d\\d) ${timeOfDay} GMT$`,
    'i',
  ),
  new RegExp(`^\\w{3} (?<month>${monthName}) (?<day>[ \\d]\\d) ${timeOfDay} (?<year>\\d{4})$`, 'i'),
];

/** Milliseconds, or undefined where it is none of the three forms or no date at all. */
export function parseHttpDate(text: string): number | undefined {
  for (const form of httpForms) {
    const groups = form.exec(text.trim())?.groups;
    if (groups !== undefined) return timeOf(groups);
  }
  return undefined;
}

const isoForm =
  /^(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)T(?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)(?:\.\d{1,9})?Z$/;

/** An ISO 8601 date in UTC or an HTTP date: what DeleteObjects and its header twin carry. */
export function parseDate(text: string): number | undefined {
  const groups = isoForm.exec(text.trim())?.groups;
  if (groups === undefined) return parseHttpDate(text);
  return timeOf(groups) === undefined ? undefined : Date.parse(text.trim());
}

/** Undefined where a part is out of its range: 31 February does not become 3 March. */
function timeOf(groups: Readonly<Record<string, string | undefined>>): number | undefined {
  const number = (name: string) => Number(groups[name]?.trim());
  const named = months.findIndex((name) => name.toLowerCase() === groups.month?.toLowerCase());
  const month = named === -1 ? number('month') - 1 : named;
  const year = fourDigits(groups.year ?? '');
  const [day, hour, minute, second] = ['day', 'hour', 'minute', 'second'].map(number);
  const time = new Date(Date.UTC(year, month, day, hour, minute, second));
  const isExact =
    time.getUTCMonth() === month &&
    time.getUTCDate() === day &&
    time.getUTCHours() === hour &&
    time.getUTCMinutes() === minute &&
    time.getUTCSeconds() === second;
  return isExact ? time.getTime() : undefined;
}

/** Two-digit years as POSIX reads them: 69 to 99 are of the last century. */
function fourDigits(year: string): number {
  if (year.length !== 2) return Number(year);
  return Number(year) + (Number(year) < 69 ? 2000 : 1900);
}
