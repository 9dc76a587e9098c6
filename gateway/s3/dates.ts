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

const zero = 0x30;
const lastFourDigitDay = Math.floor(Date.UTC(9999, 11, 31) / dayMs);

/**
 * Writes over a time of the same form, 2026-01-31T12:34:56.789Z, that begins at `at`; false where this one is
 * of another form, or no time. The day is written only where it is not `writtenDay`.
 */
export function writeIsoDate(
  target: Uint8Array,
  at: number,
  timeMs: number,
  writtenDay: number,
): boolean {
  const day = Math.floor(timeMs / dayMs);
  if (!(day >= 0 && day <= lastFourDigitDay)) return false;
  if (day !== writtenDay) writeDay(target, at, day);
  // Integers, which `| 0` tells V8.
  const inDay = (timeMs - day * dayMs) | 0;
  const seconds = (inDay / secondMs) | 0;
  const minutes = (seconds / 60) | 0;
  const hours = (minutes / 60) | 0;
  const milliseconds = inDay - seconds * secondMs;
  const hundreds = (milliseconds / 100) | 0;
  writeTwoDigits(target, at + 11, hours);
  writeTwoDigits(target, at + 14, minutes - hours * 60);
  writeTwoDigits(target, at + 17, seconds - minutes * 60);
  target[at + 20] = zero + hundreds;
  writeTwoDigits(target, at + 21, milliseconds - hundreds * 100);
  return true;
}

export const dayOf = (timeMs: number): number => Math.floor(timeMs / dayMs);

const daysIn400Years = 146_097;
/** 1970 as years of the calendar count that begin on the first of March, from that of year 0. */
const daysTo1970 = 719_468;

/** Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days. */
function writeDay(target: Uint8Array, at: number, day: number): void {
  const days = day + daysTo1970;
  const era = (days / daysIn400Years) | 0;
  const inEra = days - era * daysIn400Years;
  const yearOfEra =
    ((inEra -
      ((inEra / 1460) | 0) +
      ((inEra / 36_524) | 0) -
      ((inEra / (daysIn400Years - 1)) | 0)) /
      365) |
    0;
  const inYear = inEra - (365 * yearOfEra + ((yearOfEra / 4) | 0) - ((yearOfEra / 100) | 0));
  const monthFromMarch = ((5 * inYear + 2) / 153) | 0;
  const dayOfMonth = inYear - (((153 * monthFromMarch + 2) / 5) | 0) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const century = (year / 100) | 0;
  writeTwoDigits(target, at, century);
  writeTwoDigits(target, at + 2, year - century * 100);
  writeTwoDigits(target, at + 5, month);
  writeTwoDigits(target, at + 8, dayOfMonth);
}

function writeTwoDigits(target: Uint8Array, at: number, value: number): void {
  const tens = (value / 10) | 0;
  target[at] = zero + tens;
  target[at + 1] = zero + value - tens * 10;
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
