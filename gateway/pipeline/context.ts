/** The first step: gives the request its ids and its clock, and writes its log line at the end. */
import type { Middleware } from 'koa';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Limits } from '../limits.ts';
import type { ProxyTrust } from './client-side.ts';
import { ClientWatch } from './client-watch.ts';
import { Exchange, type ExchangeState } from './exchange.ts';
import { RequestIds } from './request-ids.ts';
import type { Turns } from './turns.ts';

const hostIdBytes = 42;

/** Names this process in answers (x-amz-id-2); logged at start so that the two can be matched. */
export function newHostId(clock: Clock): string {
  return clock.randomBytes(hostIdBytes).toString('base64');
}

export function context(parts: {
  readonly clock: Clock;
  readonly hostId: string;
  readonly limits: Limits;
  readonly trust: ProxyTrust;
  readonly log: Logger;
  /** Told here, for what the parser finds while the request runs. */
  readonly turns: Turns;
}): Middleware<ExchangeState> {
  const { clock, hostId, limits, trust, log, turns } = parts;
  const requestIds = new RequestIds(clock);
  const shared = { limits, trust, watch: new ClientWatch(limits.bodyIdleTimeoutMs) };
  return async (ctx, next) => {
    const identity = { requestId: requestIds.next(), hostId, startedMs: clock.nowMs() };
    const exchange = new Exchange(ctx.req, ctx.res, identity, shared);
    ctx.state.exchange = exchange;
    turns.began(exchange);
    await next();
    if (log.isLevelEnabled('info')) log.info(logLine(exchange, clock.nowMs()), 'request');
  };
}

/** nginx's number for a client that left before its answer. */
const statusClientGone = 499;

function logLine(exchange: Exchange, nowMs: number): object {
  const { res, requestId, method, logFields } = exchange;
  return {
    requestId,
    method,
    ...logFields,
    status: res.headersSent ? res.statusCode : statusClientGone,
    bytesIn: exchange.body.bytesIn,
    bytesOut: exchange.bytesOut,
    durationMs: nowMs - exchange.startedMs,
    remote: exchange.client.address,
  };
}
