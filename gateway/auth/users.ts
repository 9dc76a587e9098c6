/**
 * Makes users and access keys, and judges those that are imported. Knows no store: what it makes is
 * shaped like the namespace's records.
 */
import type { Clock } from '../clock.ts';
import { anonymousId } from '../s3/acl.ts';

export interface NewAccessKey {
  readonly accessKey: string;
  readonly secret: string;
  readonly createdMs: number;
}

export interface NewUser {
  readonly id: string;
  readonly accountId: string;
  readonly displayName: string;
  readonly createdMs: number;
  readonly keys: readonly NewAccessKey[];
}

/** What may be given instead of made: moving from another S3 keeps ids and keys. */
export interface UserImport {
  readonly displayName: string;
  readonly id?: string | undefined;
  readonly accountId?: string | undefined;
  readonly accessKey?: string | undefined;
  readonly secret?: string | undefined;
}

const accessKeyPrefix = 'BS';
const accessKeyLength = 20;
const secretLength = 40;
const userIdBytes = 32;
const accountIdLength = 12;

const upperAndDigits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const digits = '0123456789';
const nonZeroDigits = '123456789';
/**
 * Letters and digits only: a `/` or `+` needs escaping in URLs and a leading `-` is taken for an
 * option, and a double click selects the whole. 40 of them are 238 bits.
 */
const lettersAndDigits = `${upperAndDigits}abcdefghijklmnopqrstuvwxyz`;

/** Throws UserImportError for what `userImportFaults` names. */
export function newUser(clock: Clock, given: UserImport): NewUser {
  const faults = userImportFaults(given);
  if (faults.length > 0) throw new UserImportError(faults);
  const createdMs = clock.nowMs();
  const key = newAccessKey(clock);
  return {
    id: given.id ?? clock.randomBytes(userIdBytes).toString('hex'),
    accountId: given.accountId ?? newAccountId(clock),
    displayName: given.displayName,
    createdMs,
    keys: [
      {
        accessKey: given.accessKey ?? key.accessKey,
        secret: given.secret ?? key.secret,
        createdMs,
      },
    ],
  };
}

export function newAccessKey(clock: Clock): NewAccessKey {
  return {
    accessKey:
      accessKeyPrefix + randomText(clock, upperAndDigits, accessKeyLength - accessKeyPrefix.length),
    secret: randomText(clock, lettersAndDigits, secretLength),
    createdMs: clock.nowMs(),
  };
}

/** Without a leading zero, so that what reads it as a number does not lose one. */
export function newAccountId(clock: Clock): string {
  return randomText(clock, nonZeroDigits, 1) + randomText(clock, digits, accountIdLength - 1);
}

/** Four random bytes a character: the remainder's bias is below 2^-26. */
function randomText(clock: Clock, alphabet: string, length: number): string {
  const bytes = clock.randomBytes(length * 4);
  return Array.from({ length }, (_, at) =>
    alphabet.charAt(bytes.readUInt32LE(at * 4) % alphabet.length),
  ).join('');
}

// --- imports

/** A user that cannot be taken over. The message names every fault, the secret in none. */
export class UserImportError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('; '));
    this.name = 'UserImportError';
    this.faults = faults;
  }
}

/** Every fault of what was given, empty for none. */
export function userImportFaults(given: UserImport): string[] {
  const faults = [
    displayNameFault(given.displayName),
    given.id === undefined ? undefined : userIdFault(given.id),
    given.accountId === undefined ? undefined : accountIdFault(given.accountId),
    given.accessKey === undefined ? undefined : accessKeyFault(given.accessKey),
    given.secret === undefined ? undefined : secretFault(given.secret),
    (given.accessKey === undefined) === (given.secret === undefined)
      ? undefined
      : 'access key and secret are given together or not at all',
  ];
  return faults.filter((fault) => fault !== undefined);
}

/** What a `/` or `,` in an access key would break is the Authorization header. */
export const accessKeyRule = '3 to 128 letters, digits and _ . @ + -';
export const secretRule = '8 to 256 printable ASCII characters without spaces';

/** Each `...Fault` gives a sentence for people, or undefined where there is nothing wrong. */
export function accessKeyFault(text: string): string | undefined {
  return /^[A-Za-z0-9_.@+-]{3,128}$/.test(text) ? undefined : `an access key has ${accessKeyRule}`;
}

export function secretFault(text: string): string | undefined {
  return /^[\x21-\x7e]{8,256}$/.test(text) ? undefined : `a secret has ${secretRule}`;
}

export function userIdFault(text: string): string | undefined {
  if (text === anonymousId) return 'this user id stands for everybody who does not sign';
  return /^[A-Za-z0-9_.:@$-]{1,128}$/.test(text)
    ? undefined
    : 'a user id has 1 to 128 characters out of A-Z, a-z, 0-9, and _ . : @ $ - (64 hex digits on AWS)';
}

export function accountIdFault(text: string): string | undefined {
  return /^[0-9]{12}$/.test(text) ? undefined : 'an account id has exactly 12 digits';
}

export function displayNameFault(text: string): string | undefined {
  return /^[^\p{Cc}\p{Cs}]{1,128}$/u.test(text)
    ? undefined
    : 'a display name has 1 to 128 characters, none of them a control character';
}
