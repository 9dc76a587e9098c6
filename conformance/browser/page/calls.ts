/**
 * What the test can ask of the page. Everything crosses as JSON: the page does the work with the
 * browser's own means and says what it saw. Types only; both sides import them.
 */

export interface PageRequest {
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** An answer as far as the browser let the page see it. */
export interface Seen {
  readonly status: number;
  /** Only the headers that CORS exposes to the page; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** The browser refused to hand the answer to the page; it never says why. */
export interface Blocked {
  readonly blocked: string;
}

export interface XhrSeen extends Seen {
  /** Bytes sent, as each `progress` event of the upload told, and those of its `load` event. */
  readonly progress: readonly number[];
  readonly sentBytes: number;
}

/** How SDK and aws4fetch reach the server. */
export interface Connection {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The SDK's `requestChecksumCalculation`; its default is WHEN_SUPPORTED. */
  readonly checksums?: 'WHEN_REQUIRED';
}

/** What the page hands to the SDK as a body; the bytes are those of `text` in UTF-8. */
export type BodyKind = 'string' | 'bytes' | 'blob' | 'file';

export interface SdkPut {
  readonly bucket: string;
  readonly key: string;
  readonly text: string;
  readonly kind: BodyKind;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What the SDK answered; a field is absent where the answer had none. */
export interface SdkPutAnswer {
  readonly etag?: string;
  readonly crc32?: string;
  readonly versionId?: string;
}

export interface SdkGet {
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string;
  readonly range?: string;
}

export interface SdkGetAnswer {
  readonly status?: number;
  readonly text: string;
  readonly contentRange?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface Streamed {
  readonly bytes: number;
  /** How many pieces the body came in. */
  readonly pieces: number;
  readonly sha256: string;
}

export interface SdkFailure {
  readonly name: string;
  readonly status?: number;
}

export interface ListedVersion {
  readonly key: string;
  readonly versionId: string;
  readonly isLatest: boolean;
  readonly isDeleteMarker: boolean;
}

export interface PageCalls {
  /** fetch */
  fetch(request: PageRequest): Promise<Seen | Blocked>;
  /** XMLHttpRequest with upload progress; the body is so many bytes of a repeated pattern. */
  xhrPut(request: PageRequest & { readonly bodyBytes: number }): Promise<XhrSeen | Blocked>;
  /** A response read piece by piece. */
  fetchStream(request: PageRequest): Promise<Streamed>;

  sdkConnect(connection: Connection): Promise<void>;
  sdkPut(input: SdkPut): Promise<SdkPutAnswer>;
  sdkGet(input: SdkGet): Promise<SdkGetAnswer>;
  /** GetObject whose body is read as a stream. */
  sdkGetStream(input: SdkGet): Promise<Streamed>;
  /** What GetObject throws. */
  sdkGetFailure(input: SdkGet): Promise<SdkFailure>;
  /** Every key, page by page. */
  sdkList(input: {
    readonly bucket: string;
    readonly prefix?: string;
    readonly pageSize?: number;
  }): Promise<readonly string[]>;
  sdkDelete(input: { readonly bucket: string; readonly key: string }): Promise<SdkPutAnswer>;
  sdkVersions(input: { readonly bucket: string }): Promise<readonly ListedVersion[]>;
  /** A URL presigned in the page. */
  sdkPresignPut(input: { readonly bucket: string; readonly key: string }): Promise<string>;

  /** aws4fetch signs and sends. */
  aws4fetch(input: {
    readonly connection: Connection;
    readonly request: PageRequest;
  }): Promise<Seen>;
  /** aws4fetch signs the URL. */
  aws4fetchPresign(input: {
    readonly connection: Connection;
    readonly request: PageRequest;
  }): Promise<string>;
}
