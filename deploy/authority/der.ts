/** The least of DER (X.690) that certificates are written in: every value is its tag, its length, its bytes. */
import { isIP } from 'node:net';

const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

/** From this year on X.509 writes four digits of it (RFC 5280, 4.1.2.5). */
const fourDigitYear = 2050;

export function der(tagByte: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tagByte]), lengthOf(body), body]);
}

function lengthOf({ length }: Uint8Array): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  const digits = bytes.subarray(bytes.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.of(0x80 | digits.length), digits]);
}

export const sequence = (...items: readonly Uint8Array[]): Buffer => der(tag.sequence, ...items);
export const setOf = (item: Uint8Array): Buffer => der(tag.set, item);
export const octets = (bytes: Uint8Array): Buffer => der(tag.octetString, bytes);
export const utf8 = (text: string): Buffer => der(tag.utf8String, Buffer.from(text));
export const yes = der(tag.boolean, Buffer.of(0xff));

/** Its bytes must already be those of a positive number without a leading zero. */
export const integer = (bytes: Uint8Array): Buffer => der(tag.integer, bytes);

/** `unused` bits at the end of the last byte. */
export const bits = (bytes: Uint8Array, unused = 0): Buffer =>
  der(tag.bitString, Buffer.of(unused), bytes);

/** "1.2.840.10045.4.3.2". */
export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(tag.objectId, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** Seven bits a byte; all but the last have the eighth set. */
function base128(number: number): number[] {
  const digits = [number % 0x80];
  for (let rest = Math.floor(number / 0x80); rest > 0; rest = Math.floor(rest / 0x80)) {
    digits.unshift(0x80 | (rest % 0x80));
  }
  return digits;
}

/** To the second. */
export function time(ms: number): Buffer {
  const date = new Date(ms);
  const digits = date.toISOString().replace(/[-:T]|\.\d{3}/g, '');
  return date.getUTCFullYear() < fourDigitYear
    ? der(tag.utcTime, Buffer.from(digits.slice(2)))
    : der(tag.generalizedTime, Buffer.from(digits));
}

/** The bytes of an address: 4 or 16. */
export function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  // The last four bytes may be written as an IPv4 address.
  const hexadecimal = address.replace(/\d+\.\d+\.\d+\.\d+$/, (dotted) => {
    const bytes = addressBytes(dotted);
    return `${bytes.readUInt16BE(0).toString(16)}:${bytes.readUInt16BE(2).toString(16)}`;
  });
  const [head = [], tail = []] = hexadecimal
    .split('::')
    .map((part) => (part === '' ? [] : part.split(':')));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  const groups = [...head, ...zeros, ...tail].map((digits) => Number.parseInt(digits, 16));
  const bytes = Buffer.alloc(16);
  for (const [at, group] of groups.entries()) bytes.writeUInt16BE(group, 2 * at);
  return bytes;
}
