/**
 * The outermost catch: every throw of the pipeline becomes an answer in S3's form. koa's own error
 * handler is never reached; it would drop all headers and answer text/plain.
 */
import type { Middleware } from 'koa';
import type { Logger } from 'pino';
import type { Limits } from '../limits.ts';
import { renderError, S3Error } from '../s3/errors.ts';
import { ClientGone, type Exchange, type ExchangeState } from './exchange.ts';
import { respond } from './respond.ts';
import { asS3Error } from './store-errors.ts';

export function renderErrors(parts: {
  readonly log: Logger;
  readonly limits: Limits;
}): Middleware<ExchangeState> {
  return async (ctx, next) => {
    const { exchange } = ctx.state;
    try {
      await next();
    } catch (thrown) {
      await answerError(exchange, thrown, parts.log, parts.limits);
    }
  };
}

async function answerError(
  exchange: Exchange,
  thrown: unknown,
  log: Logger,
  limits: Limits,
): Promise<void> {
  const { res } = exchange;
  if (thrown instanceof ClientGone || exchange.isClientGone) {
    exchange.logFields.errorCode = 'ClientGone';
    res.destroy();
    return;
  }
  const error = asS3Error(thrown);
  exchange.logFields.errorCode = error.code;
  if (isOurFault(error)) logFault(exchange, thrown, log);
  if (res.headersSent) {
    // Half an answer is out: a broken connection is the only way left to say that it is wrong.
    res.destroy();
    return;
  }
  try {
    await respond(exchange, errorResponse(exchange, error), limits);
  } catch (failure) {
    if (!(failure instanceof ClientGone)) logFault(exchange, failure, log);
    res.destroy();
  }
}

function errorResponse(exchange: Exchange, error: S3Error) {
  const { status, headers } = error;
  if (status === 304) return { status, headers };
  const typed = { ...headers, 'Content-Type': 'application/xml' };
  if (exchange.method === 'HEAD') return { status, headers: typed };
  const body = renderError(error, {
    resource: exchange.target.rawPath,
    requestId: exchange.requestId,
    hostId: exchange.hostId,
  });
  return { status, headers: typed, body };
}

/** 501 is an answer about a request; the other 5xx are about us. */
function isOurFault(error: S3Error): boolean {
  return error.status >= 500 && error.code !== 'NotImplemented';
}

function logFault(exchange: Exchange, thrown: unknown, log: Logger): void {
  const { requestId, logFields } = exchange;
  // An S3Error of status 5xx was made for the client; what led to it says more.
  const err = thrown instanceof S3Error && thrown.cause !== undefined ? thrown.cause : thrown;
  log.error({ requestId, operation: logFields.operation, err }, 'request failed');
}
