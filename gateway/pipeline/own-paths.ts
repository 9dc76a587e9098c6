/**
 * The gateway's own paths, below `/_/` where no bucket can be: bucket names do not begin with an
 * underscore. Served only where the Host names no bucket, since there `/_/health/live` is a key.
 */
import Router, { type RouterMiddleware } from '@koa/router';
import type { Limits } from '../limits.ts';
import { bucketOfHost } from '../s3/query.ts';
import type { Exchange, ExchangeState } from './exchange.ts';
import { respond } from './respond.ts';

export interface Health {
  /** Undefined when requests can be served, else why not. */
  notReady(): string | undefined;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

const prefix = '/_/';

export function ownPaths(parts: {
  readonly domains: readonly string[];
  readonly health: Health;
  readonly limits: Limits;
}): RouterMiddleware<ExchangeState> {
  const { domains, health, limits } = parts;
  const router = new Router<ExchangeState>({ strict: true, sensitive: true });
  const own =
    (name: string, answer: () => Answer): RouterMiddleware<ExchangeState> =>
    (ctx, next) => {
      const { exchange } = ctx.state;
      if (bucketOfHost(exchange.client.host, domains) !== undefined) return next();
      exchange.logFields.operation = name;
      return sayPlainly(exchange, answer(), limits);
    };
  router.get(
    '/_/health/live',
    own('HealthLive', () => ({ status: 200, text: 'live' })),
  );
  router.get(
    '/_/health/ready',
    own('HealthReady', () => {
      const reason = health.notReady();
      return reason === undefined
        ? { status: 200, text: 'ready' }
        : { status: 503, text: `not ready: ${reason}` };
    }),
  );
  const routes = router.routes();
  return (ctx, next) => {
    const { rawPath } = ctx.state.exchange.target;
    if (!rawPath.startsWith(prefix)) return next();
    // The router asks koa for the path, which parses the whole target and throws for `http://[/`.
    ctx.url = rawPath;
    return routes(ctx, next);
  };
}

function sayPlainly(exchange: Exchange, { status, text }: Answer, limits: Limits): Promise<void> {
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' };
  return respond(exchange, { status, headers, body: `${text}\n` }, limits);
}
