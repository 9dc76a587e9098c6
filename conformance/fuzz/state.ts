/** What a history has learnt from its answers, and the marks of plans filled in from it. */
import { elements, textOf, textsOf } from '../harness/xml.ts';
import type { Answer } from './wire.ts';

/** A version with the path it was written to. */
interface Version {
  readonly path: string;
  readonly id: string;
}

interface Upload {
  readonly path: string;
  readonly id: string;
  readonly parts: Map<number, string>;
}

/** What is known of a request when its answer comes. */
export interface Asked {
  readonly call: string;
  readonly path: string;
  readonly query: string;
}

const remembered = 64;

export class State {
  readonly buckets: readonly string[];
  readonly #uploads: Upload[] = [];
  readonly #versions: string[] = [];
  readonly #written: Version[] = [];
  readonly #etags: string[] = [];
  readonly #tokens: string[] = [];
  readonly #nowMs: number;

  constructor(buckets: readonly string[], nowMs: number) {
    this.buckets = buckets;
    this.#nowMs = nowMs;
  }

  /** Fills in the marks; `raw` for texts that are not part of a URL. */
  resolve(text: string): string {
    if (!text.includes('{')) return text;
    return text.replace(
      /\{(b|u|v|e|t|parts|uploadPath|version|versionPath)(\d+)\}|\{date\}/g,
      (mark, kind, digits) => {
        const index = Number(digits ?? 0);
        switch (kind) {
          case 'b':
            return this.buckets[index % this.buckets.length] ?? '';
          case 'u':
            return back(this.#uploads, index)?.id ?? 'no-upload';
          case 'uploadPath':
            return back(this.#uploads, index)?.path ?? `${this.buckets[0]}/k`;
          case 'v':
            return back(this.#versions, index) ?? 'null';
          case 'version':
            return back(this.#written, index)?.id ?? 'null';
          case 'versionPath':
            return back(this.#written, index)?.path ?? `${this.buckets[1]}/k`;
          case 'e':
            return back(this.#etags, index) ?? '"none"';
          case 't':
            return encodeURIComponent(back(this.#tokens, index) ?? 'a');
          case 'parts':
            return partElements(back(this.#uploads, index));
          default:
            return mark === '{date}' ? new Date(this.#nowMs).toUTCString() : mark;
        }
      },
    );
  }

  learn(asked: Asked, answer: Answer): void {
    if (answer.status >= 300) return;
    const header = (wanted: string) => answer.headers.find(([name]) => name === wanted)?.[1];
    const version = header('x-amz-version-id');
    if (version !== undefined) {
      remember(this.#versions, version);
      remember(this.#written, { path: asked.path.slice(1), id: version });
    }
    const etag = header('etag');
    if (etag !== undefined) remember(this.#etags, etag);
    const [, number] = /(?:^|&)partNumber=(\d+)/.exec(asked.query) ?? [];
    const [, uploadId] = /(?:^|&)uploadId=([^&]*)/.exec(asked.query) ?? [];
    if (answer.body.length === 0) {
      if (etag !== undefined) this.#learnPart(uploadId, number, etag);
      return;
    }
    if (!asked.call.match(/Upload|Copy|List|Delete|Complete/) || answer.body[0] !== 0x3c) return;
    const text = answer.body.toString('utf8');
    const created = textOf(text, 'UploadId');
    if (text.includes('<InitiateMultipartUploadResult') && created !== undefined) {
      remember(this.#uploads, { path: asked.path.slice(1), id: created, parts: new Map() });
    }
    const [copied] = elements(text, 'CopyPartResult');
    if (copied !== undefined) this.#learnPart(uploadId, number, textOf(copied, 'ETag') ?? '');
    for (const name of ['NextContinuationToken', 'NextMarker', 'NextKeyMarker']) {
      const token = textOf(text, name);
      if (token !== undefined) remember(this.#tokens, token);
    }
    for (const id of textsOf(text, 'VersionId').slice(0, 5)) remember(this.#versions, id);
  }

  #learnPart(uploadId: string | undefined, number: string | undefined, etag: string): void {
    const upload = this.#uploads.find(({ id }) => id === uploadId);
    if (number !== undefined) upload?.parts.set(Number(number), etag);
  }
}

function partElements(upload: Upload | undefined): string {
  const parts = [...(upload?.parts ?? [])].sort(([a], [b]) => a - b);
  return parts
    .map(
      ([number, etag]) =>
        `<Part><PartNumber>${number}</PartNumber><ETag>${etag.replaceAll('"', '&quot;')}</ETag></Part>`,
    )
    .join('');
}

function back<T>(list: readonly T[], index: number): T | undefined {
  return list.length === 0 ? undefined : list[list.length - 1 - (index % list.length)];
}

function remember<T>(list: T[], item: T): void {
  list.push(item);
  if (list.length > remembered) list.shift();
}
