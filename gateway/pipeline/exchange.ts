/**
 * One request and its answer as the pipeline's steps see them: identity, raw target and headers, the
 * socket side, and what the log line will say. Made by the context step, passed to every other.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { splitTarget, type Target } from '../s3/query.ts';
import { type ClientSide, clientSide, type ProxyTrust } from './client-side.ts';
import type { ClientWatch } from './client-watch.ts';
import { RequestBody, type RequestBodyLimits } from './request-body.ts';
import { RequestHeaders } from './request-headers.ts';

/** The client closed the connection, or stopped reading: there is nobody left to answer. */
export class ClientGone extends Error {
  constructor(message = 'the client closed the connection', options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ClientGone';
  }
}

/** What the steps find out for the log line. Never a secret, a signature, a token or a query. */
export interface LogFields {
  operation?: string;
  bucket?: string;
  key?: string;
  accessKey?: string;
  errorCode?: string;
}

/** What every request of a process shares. */
export interface ExchangeParts {
  readonly limits: RequestBodyLimits;
  readonly trust: ProxyTrust;
  readonly watch: ClientWatch;
}

const noHeaders: Readonly<Record<string, string>> = {};

export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly requestId: string;
  readonly hostId: string;
  readonly startedMs: number;
  readonly headers: RequestHeaders;
  readonly target: Target;
  /** What the client saw, with a proxy in front or without. */
  readonly client: ClientSide;
  /** The host that the client signed, where it is not the one that reached us. */
  signedHost: string | undefined;
  /** The client waits for 100 Continue before it sends the body. */
  readonly expectsContinue: boolean;
  readonly logFields: LogFields = {};
  /** On the answer, whatever it is: a step's say that no operation and no error knows of. */
  extraHeaders: Readonly<Record<string, string>> = noHeaders;
  /** Body bytes handed to the socket. */
  bytesOut = 0;
  readonly body: RequestBody;
  /** For waits on this client. */
  readonly watch: ClientWatch;
  #abort: AbortController | undefined;

  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    identity: { requestId: string; hostId: string; startedMs: number },
    { limits, trust, watch }: ExchangeParts,
  ) {
    this.req = req;
    this.res = res;
    this.requestId = identity.requestId;
    this.hostId = identity.hostId;
    this.startedMs = identity.startedMs;
    this.headers = new RequestHeaders(req.rawHeaders);
    const peer = { address: req.socket.remoteAddress, encrypted: 'encrypted' in req.socket };
    this.client = clientSide(this.headers, peer, trust);
    this.target = splitTarget(req.url ?? '/');
    this.expectsContinue = this.headers.get('expect')?.toLowerCase() === '100-continue';
    this.body = new RequestBody(req, limits, watch);
    this.watch = watch;
  }

  get method(): string {
    return this.req.method ?? '';
  }

  get secure(): boolean {
    return this.client.secure;
  }

  /** scheme://host[:port] as the client named us. */
  get origin(): string {
    const scheme = this.secure ? 'https' : 'http';
    return `${scheme}://${this.signedHost ?? this.client.publicHost ?? 'localhost'}`;
  }

  /** True once no answer can reach the client any more. */
  get isClientGone(): boolean {
    return this.res.destroyed || (this.res.socket?.destroyed ?? this.req.socket.destroyed);
  }

  /**
   * Aborted when the client goes away before the answer is complete. Made on first use: most
   * requests are over before anybody asks.
   */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController();
      this.#abort = abort;
      const gone = () => {
        if (!this.res.writableFinished) abort.abort(new ClientGone());
      };
      if (this.isClientGone) gone();
      else this.res.once('close', gone);
    }
    return this.#abort.signal;
  }
}

/** The state that koa carries from step to step. */
export interface ExchangeState {
  exchange: Exchange;
}
