/** fetch and XMLHttpRequest, told as JSON. */
import type { Blocked, PageCalls, PageRequest, Seen, Streamed, XhrSeen } from './calls.ts';

export async function seen(response: Response): Promise<Seen> {
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    text: await response.text(),
  };
}

/** Counts and digests a body as it comes. */
export async function streamed(body: ReadableStream<Uint8Array>): Promise<Streamed> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(new Uint8Array(value));
  }
  const whole = new Blob(pieces);
  const digest = await crypto.subtle.digest('SHA-256', await whole.arrayBuffer());
  const sha256 = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0'));
  return { bytes: whole.size, pieces: pieces.length, sha256: sha256.join('') };
}

/**
 * A GET goes past the browser's cache: a test wants to see what the server says now. Only a GET:
 * with `no-store` Chromium remembers no preflight either.
 */
export const initOf = ({ method, headers, body }: PageRequest): RequestInit => ({
  cache: method === undefined || method === 'GET' ? 'no-store' : 'default',
  method: method ?? 'GET',
  headers: { ...headers },
  body: body ?? null,
});

function patternOf(bytes: number): Blob {
  const block = new Uint8Array(64 * 1024).map((_, at) => at % 251);
  const blocks = Math.ceil(bytes / block.length);
  return new Blob(Array.from({ length: blocks }, () => block)).slice(0, bytes);
}

export const requestCalls: Pick<PageCalls, 'fetch' | 'xhrPut' | 'fetchStream'> = {
  async fetch(request) {
    try {
      return await seen(await fetch(request.url, initOf(request)));
    } catch (error) {
      return { blocked: String(error) };
    }
  },

  xhrPut(request) {
    return new Promise<XhrSeen | Blocked>((resolve) => {
      const xhr = new XMLHttpRequest();
      const progress: number[] = [];
      let sentBytes = 0;
      xhr.upload.addEventListener('progress', (event) => progress.push(event.loaded));
      xhr.upload.addEventListener('load', (event) => {
        sentBytes = event.loaded;
      });
      xhr.addEventListener('error', () => resolve({ blocked: 'XMLHttpRequest: error event' }));
      xhr.addEventListener('load', () => {
        const lines = xhr.getAllResponseHeaders().trim().split('\r\n');
        const headers = lines.map((line): [string, string] => {
          const colon = line.indexOf(':');
          return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
        });
        resolve({
          status: xhr.status,
          headers: Object.fromEntries(headers),
          text: xhr.responseText,
          progress,
          sentBytes,
        });
      });
      xhr.open(request.method ?? 'PUT', request.url);
      for (const [name, value] of Object.entries(request.headers ?? {})) {
        xhr.setRequestHeader(name, value);
      }
      xhr.send(patternOf(request.bodyBytes));
    });
  },

  async fetchStream(request) {
    const response = await fetch(request.url, initOf(request));
    if (!response.ok || response.body === null) throw new Error(await response.text());
    return await streamed(response.body);
  },
};
