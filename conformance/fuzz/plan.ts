/**
 * What a history of requests is made of: plain data, so that fast-check can shrink and print it.
 * Texts are byte strings (latin1) with marks that are filled in when the request is sent:
 * {b1} a bucket of the history, {u0} an upload id seen and {uploadPath0} its path, {v0} a version id,
 * {version0} and {versionPath0} one with its path, {e0} an ETag, {t0} a listing token, {parts0} the Part
 * elements of an upload, {date} now, {md5}, {crc32}, {sha1}, {sha256} and {sha512} the body's. Numbers
 * count back from the latest, and wrap.
 */
import type { Header } from './signing.ts';

export type Pair = readonly [name: string, value: string | undefined];

/** Bytes of an object: a slice of a fixed random pool. */
export interface Filling {
  readonly offset: number;
  readonly length: number;
}

export type Body =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly filling: Filling }
  | { readonly kind: 'document'; readonly text: string; readonly edits: readonly Edit[] }
  | { readonly kind: 'form'; readonly form: Form };

/** A change to a text; `at` and `to` are shares of its length. */
export type Edit =
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'insert'; readonly at: number; readonly text: string }
  | { readonly kind: 'replace'; readonly at: number; readonly to: number; readonly text: string }
  | { readonly kind: 'repeat'; readonly at: number; readonly to: number; readonly times: number }
  | { readonly kind: 'nest'; readonly depth: number; readonly name: string }
  | { readonly kind: 'utf16' }
  | { readonly kind: 'flip'; readonly at: number; readonly mask: number }
  /** The text of one of the elements. */
  | { readonly kind: 'value'; readonly index: number; readonly text: string }
  /** An element twice, or not at all. */
  | { readonly kind: 'element'; readonly index: number; readonly times: number };

export interface Form {
  readonly key: string;
  readonly fields: readonly Pair[];
  /** Conditions beside those that the fields themselves ask for, as JSON. */
  readonly conditions: readonly string[];
  readonly expiration: string;
  readonly filename: string;
  readonly filling: Filling;
  readonly signature: 'v4' | 'v2' | 'none' | 'wrong';
  /** Changes to the policy's JSON before it is signed, and to the framed form. */
  readonly policyEdits: readonly Edit[];
  readonly edits: readonly Edit[];
  readonly boundary: string;
}

export type Auth =
  | 'v4'
  | 'v4-query'
  | 'v2'
  | 'v2-query'
  | 'anonymous'
  | 'broken'
  | 'other-user'
  | 'late';

export type Payload = 'hashed' | 'unsigned' | 'wrong-hash';

export type Framing =
  | { readonly kind: 'length' }
  | { readonly kind: 'chunked'; readonly chunk: number }
  | {
      readonly kind: 'aws-chunked';
      readonly form: StreamingForm;
      readonly chunk: number;
      readonly trailers: readonly Header[];
      /** Overrides x-amz-decoded-content-length. */
      readonly decodedLength?: string;
      readonly edits: readonly Edit[];
      readonly chunkedTransfer: boolean;
    };

export type StreamingForm =
  | 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'
  | 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER'
  | 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

/** How it gets onto the wire. */
export type Wire =
  | { readonly kind: 'whole' }
  /** In one write with the requests behind it that say so too. */
  | { readonly kind: 'pipelined' }
  | { readonly kind: 'split'; readonly at: number }
  | { readonly kind: 'expect' }
  /** Changed behind the signature; then this side says that no more will come. */
  | { readonly kind: 'mangled'; readonly edits: readonly Edit[] }
  /** The client goes away in the middle. */
  | { readonly kind: 'aborted'; readonly at: number };

export interface Plan {
  readonly call: string;
  readonly method: string;
  readonly path: string;
  readonly query: readonly Pair[];
  readonly headers: readonly Header[];
  readonly body: Body;
  readonly auth: Auth;
  readonly payload: Payload;
  readonly framing: Framing;
  readonly wire: Wire;
  /** The bucket in the Host header instead of the path. */
  readonly virtualHost: boolean;
  /** The call was changed: what is stored is no longer known from `body`. */
  readonly changed: boolean;
  /** Held against the model: a 200 reads back, a refusal changed nothing. */
  readonly checked: boolean;
}
