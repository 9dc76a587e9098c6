/**
 * THE pipeline, in order. A step is a file of pipeline/; what differs between operations are fields
 * of their rows in operations/index.ts, never another order of steps.
 */
import type { RequestListener } from 'node:http';
import Koa from 'koa';
import type { Authenticated } from './auth/authenticate.ts';
import { SigningKeys } from './auth/signing-keys.ts';
import type { Limits } from './limits.ts';
import type { Log } from './log.ts';
import type { Operation } from './operations/operation.ts';
import { admit } from './pipeline/admit.ts';
import { decodeBody, screenBody } from './pipeline/body.ts';
import { proxyTrust } from './pipeline/client-side.ts';
import { context } from './pipeline/context.ts';
import { addCorsHeaders } from './pipeline/cors.ts';
import { type Detected, detect, detectTable } from './pipeline/detect.ts';
import type { Exchange, ExchangeState } from './pipeline/exchange.ts';
import { admitForm, identifyForm, readForm } from './pipeline/form.ts';
import { HandledRequest } from './pipeline/handled-request.ts';
import { withHoistedHeaders } from './pipeline/hoisted-headers.ts';
import { identify } from './pipeline/identify.ts';
import { type Health, ownPaths } from './pipeline/own-paths.ts';
import { renderErrors } from './pipeline/render-error.ts';
import { respond } from './pipeline/respond.ts';
import { screen } from './pipeline/screen.ts';
import { Turns } from './pipeline/turns.ts';
import { S3Error } from './s3/errors.ts';
import { address, parseQuery } from './s3/query.ts';
import type { Services } from './services.ts';

export interface AppParts {
  readonly services: Services;
  readonly operations: readonly Operation[];
  readonly limits: Limits;
  readonly log: Log;
  /** Answered as x-amz-id-2: names this process. */
  readonly hostId: string;
  readonly health: Health;
}

export interface App {
  readonly handle: RequestListener;
  /** The requests of each connection, for errors that the HTTP parser finds. */
  readonly turns: Turns;
}

export function createApp(parts: AppParts): App {
  const { services, limits, log, hostId, health } = parts;
  const { config, clock } = services;
  const failed = (err: unknown) => log.debug({ err }, 'connection failed');
  const turns = new Turns(failed);
  const koa = new Steps();
  koa.use(context({ clock, hostId, limits, trust: proxyTrust(config), log, turns }));
  koa.use(renderErrors({ log, limits }));
  koa.use(ownPaths({ domains: config.domains, health, limits }));
  koa.use(s3(parts));
  // Reached only when a step fails that errors are not rendered for: there is nobody to answer.
  koa.context.onerror = failed;
  const handle = koa.callback();
  const { requests } = services;
  return {
    turns,
    handle: (req, res) =>
      turns.take(req, res, () => {
        requests.begin();
        handle(req, res).then(requests.end, requests.end);
      }),
  };
}

/**
 * Koa without what it does around the steps: answers are written by pipeline/respond.ts, and that a
 * connection fails under an answer is seen by pipeline/turns.ts, which has a listener there anyway.
 */
class Steps extends Koa<ExchangeState> {
  async handleRequest(
    ctx: Koa.ParameterizedContext<ExchangeState>,
    steps: (ctx: Koa.ParameterizedContext<ExchangeState>) => Promise<void>,
  ): Promise<void> {
    try {
      await steps(ctx);
    } catch (error) {
      ctx.onerror(error as Error);
    }
  }
}

function s3(parts: AppParts): Koa.Middleware<ExchangeState> {
  const { services, limits } = parts;
  const table = detectTable(parts.operations);
  const signingKeys = new SigningKeys();

  return async (ctx) => {
    const { exchange } = ctx.state;
    const { method } = exchange;
    screen(exchange, limits);

    const { bucket, key } = addressOf(exchange, services);
    services.namespace.refresh();
    addCorsHeaders(exchange, bucket, services.namespace);

    const query = parseQuery(exchange.target.rawQuery);
    const headers = withHoistedHeaders(exchange.headers, query);
    const level = bucket === '' ? 'service' : key === '' ? 'bucket' : 'object';
    const operation = known(
      detect(table, {
        method,
        level,
        hasQuery: (name) => query.has(name),
        hasHeader: (name) => headers.get(name) !== undefined,
      }),
    );
    exchange.logFields.operation = operation.name;

    // Said when the body is first read: whoever is refused before that has not sent it yet, be it
    // below or by what the handler looks at first (conditions, sizes, uploads).
    if (exchange.expectsContinue) exchange.body.onFirstRead = () => exchange.res.writeContinue();
    // A form says in its body who sends it, and where to.
    const form =
      operation.body === 'form' ? await readForm(exchange, headers, services, limits) : undefined;
    const authenticated =
      form !== undefined
        ? identifyForm(exchange, form, services, signingKeys)
        : operation.isUnsigned === true
          ? nobody
          : identify(exchange, services, signingKeys, table);
    const bucketRecord = admit({
      operation,
      bucketName: bucket,
      headers,
      authenticated,
      namespace: services.namespace,
    });
    const { handler } = operation;
    if (handler === undefined) throw notImplemented(operation);

    const bodyInput = {
      kind: operation.body,
      headers,
      authenticated,
      maxDocumentBytes: operation.maxDocumentBytes ?? limits.maxDocumentBytes,
      checksumsOfObject: operation.checksumsOfObject === true,
      requiresDigest: operation.requiresDigest === true,
      raw: exchange.body,
    };
    screenBody(bodyInput);
    const decoding =
      form === undefined
        ? decodeBody(bodyInput)
        : admitForm(form, { bucket, nowMs: services.clock.nowMs() });
    // What is there at once goes on at once: most requests have nothing to wait for.
    const decoded = decoding instanceof Promise ? await decoding : decoding;

    const request = new HandledRequest(exchange, {
      bucket,
      key: form?.key ?? key,
      bucketRecord,
      query,
      headers,
      access: operation.access,
      authenticated,
      form: form?.fields,
      decoded,
    });
    const answer = handler(request, services);
    await respond(exchange, answer instanceof Promise ? await answer : answer, limits);
  };
}

/** Who sends what is never signed. */
const nobody: Authenticated = { kind: 'anonymous', payload: { kind: 'unsigned' } };

function addressOf(exchange: Exchange, services: Services): { bucket: string; key: string } {
  const { target, client, logFields } = exchange;
  // `OPTIONS *` asks about the server as a whole.
  if (target.rawPath === '*') return { bucket: '', key: '' };
  const { bucket, key } = address({
    rawPath: target.rawPath,
    host: client.host,
    domains: services.config.domains,
  });
  if (bucket !== '') logFields.bucket = bucket;
  if (key !== '') logFields.key = key;
  return { bucket, key };
}

function known(detected: Detected): Operation {
  if (detected.kind === 'operation') return detected.operation;
  throw new S3Error('MethodNotAllowed', { headers: { Allow: detected.allowed.join(', ') } });
}

/** By name, so that it can be told which call of a client is missing. */
function notImplemented(operation: Operation): S3Error {
  return new S3Error('NotImplemented', {
    message: `${operation.name} is not implemented.`,
    fields: { Operation: operation.name },
  });
}
