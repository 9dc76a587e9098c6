/**
 * Derived signing keys, kept so that a request costs one HMAC and not five. Bounded; the least
 * recently used goes first. A key is remembered only after a signature made with it was verified:
 * who knows an access key alone cannot fill the cache with regions of his own making.
 */
import { hash } from 'node:crypto';
import { deriveSigningKey, type Scope } from './sigv4.ts';

/** Users times regions times two days around midnight: 4096 keys are about 1 MiB. */
export const defaultMaxSigningKeys = 4096;

export class SigningKeys {
  readonly #maxKeys: number;
  /** In order of use, oldest first: a Map keeps the order of insertion. */
  readonly #keys = new Map<string, Buffer>();

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
    const name = cacheName(accessKey, secret, scope);
    const known = this.#keys.get(name);
    if (known === undefined) return { name, bytes: deriveSigningKey(secret, scope) };
    this.#keys.delete(name);
    this.#keys.set(name, known);
    return { name, bytes: known };
  }

  /** Keeps a key that has proved itself. */
  remember(key: SigningKey): void {
    if (this.#keys.has(key.name)) return;
    if (this.#keys.size >= this.#maxKeys) {
      const oldest = this.#keys.keys().next();
      if (oldest.done !== true) this.#keys.delete(oldest.value);
    }
    this.#keys.set(key.name, key.bytes);
  }
}

export interface SigningKey {
  /** What the cache files it under. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** With the secret's digest in it, a rotated secret finds nothing of the old one. */
function cacheName(accessKey: string, secret: string, scope: Scope): string {
  return `${accessKey}/${scope.date}/${scope.region}/${hash('sha256', secret, 'base64')}`;
}
