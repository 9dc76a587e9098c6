/**
 * Derived signing keys, kept so that a request costs one HMAC and not five. Bounded; the least
 * recently used goes first. A key is remembered only after a signature made with it was verified:
 * who knows an access key alone cannot fill the cache with regions of his own making.
 */
import type { HmacKey } from './hmac.ts';
import { deriveSigningKey, type Scope } from './sigv4.ts';

/** Users times regions times two days around midnight: 4096 keys are about 2 MiB. */
export const defaultMaxSigningKeys = 4096;

export class SigningKeys {
  readonly #maxKeys: number;
  /** In order of use, oldest first: a Map keeps the order of insertion. */
  readonly #keys = new Map<string, SigningKey>();
  #newest: SigningKey | undefined;

  constructor(maxKeys: number = defaultMaxSigningKeys) {
    if (!Number.isSafeInteger(maxKeys) || maxKeys < 1) {
      throw new RangeError(`maxKeys must be a positive integer, not ${maxKeys}`);
    }
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** The key, from the cache or derived; derived ones are not kept until `remember`. */
  find(accessKey: string, secret: string, scope: Scope): SigningKey {
    // Mostly the same user asks again: nothing has to be put together, or to move.
    if (this.#newest?.isOf(accessKey, secret, scope) === true) return this.#newest;
    const name = `${accessKey}/${scope.date}/${scope.region}`;
    const known = this.#keys.get(name);
    if (known?.isOf(accessKey, secret, scope) !== true) {
      return new SigningKey(name, accessKey, secret, scope);
    }
    this.#putLast(known);
    return known;
  }

  /** Keeps a key that has proved itself, in place of that of a secret that was rotated. */
  remember(key: SigningKey): void {
    if (key === this.#newest || this.#keys.get(key.name) === key) return;
    this.#putLast(key);
    if (this.#keys.size <= this.#maxKeys) return;
    const oldest = this.#keys.keys().next();
    if (oldest.done !== true) this.#keys.delete(oldest.value);
  }

  #putLast(key: SigningKey): void {
    this.#keys.delete(key.name);
    this.#keys.set(key.name, key);
    this.#newest = key;
  }
}

export class SigningKey {
  /** What the cache files it under. */
  readonly name: string;
  readonly hmac: HmacKey;
  readonly #accessKey: string;
  readonly #secret: string;
  readonly #scope: Scope;

  constructor(name: string, accessKey: string, secret: string, scope: Scope) {
    this.name = name;
    this.hmac = deriveSigningKey(secret, scope);
    this.#accessKey = accessKey;
    this.#secret = secret;
    this.#scope = scope;
  }

  /** Both secrets are the namespace's own: no client can tell by the time that this takes. */
  isOf(accessKey: string, secret: string, { date, region }: Scope): boolean {
    return (
      this.#accessKey === accessKey &&
      this.#secret === secret &&
      this.#scope.date === date &&
      this.#scope.region === region
    );
  }
}
