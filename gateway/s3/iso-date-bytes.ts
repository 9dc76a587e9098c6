/** Times written over others, byte by byte: a listing has a thousand, mostly of few days. */

const secondMs = 1000;
const daySeconds = 86_400;
const zero = 0x30;
const lastFourDigitSecond = Date.UTC(9999, 11, 31, 23, 59, 59) / secondMs;

/**
 * Writes a time over another of the same form, 2026-01-31T12:34:56.789Z, that begins at `at` and is of
 * `writtenSecond`: what they have in common is left. Returns the second that stands there now, counted from 1970; -1,
 * and writes nothing, where this one is of another form, or no time.
 */
export function writeIsoDate(
  target: Uint8Array,
  at: number,
  timeMs: number,
  writtenSecond: number,
): number {
  const second = Math.floor(timeMs / secondMs);
  if (second !== writtenSecond) {
    if (!(second >= 0 && second <= lastFourDigitSecond)) return -1;
    writeSecond(target, at, second, writtenSecond);
  }
  // Integers, which `| 0` tells V8.
  const milliseconds = (timeMs - second * secondMs) | 0;
  const hundreds = (milliseconds / 100) | 0;
  target[at + 20] = zero + hundreds;
  writeTwoDigits(target, at + 21, milliseconds - hundreds * 100);
  return second;
}

function writeSecond(target: Uint8Array, at: number, second: number, writtenSecond: number): void {
  const day = Math.floor(second / daySeconds);
  if (day !== Math.floor(writtenSecond / daySeconds)) writeDay(target, at, day);
  const inDay = (second - day * daySeconds) | 0;
  const minutes = (inDay / 60) | 0;
  const hours = (minutes / 60) | 0;
  writeTwoDigits(target, at + 11, hours);
  writeTwoDigits(target, at + 14, minutes - hours * 60);
  writeTwoDigits(target, at + 17, inDay - minutes * 60);
}

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
