/** Who asks: the signature in the head, verified against the namespace's users. */
import { type Authenticated, authenticate, type Credentials } from '../auth/authenticate.ts';
import type { SigningKeys } from '../auth/signing-keys.ts';
import { bucketOfHost } from '../s3/query.ts';
import type { Services } from '../services.ts';
import type { DetectTable } from './detect.ts';
import type { Exchange } from './exchange.ts';

/** Throws S3Error for a signature that is there and not right. */
export function identify(
  exchange: Exchange,
  services: Services,
  signingKeys: SigningKeys,
  table: DetectTable,
): Authenticated {
  const authenticated = authenticate({
    method: exchange.method,
    rawPath: exchange.target.rawPath,
    rawQuery: exchange.target.rawQuery,
    rawHeaders: exchange.headers.pairs,
    nowMs: exchange.startedMs,
    region: services.config.region,
    sigv2: services.config.sigv2,
    hosts: exchange.client.hosts,
    hostBucket: bucketOfHost(exchange.client.host, services.config.domains),
    subResources: table.choosing,
    lookup: (accessKey) => credentials(services, accessKey),
    signingKeys,
  });
  if (authenticated.kind === 'signed') {
    exchange.logFields.accessKey = authenticated.identity.accessKey;
    exchange.signedHost = authenticated.signedHost;
  }
  return authenticated;
}

export function credentials(services: Services, accessKey: string): Credentials | undefined {
  const found = services.namespace.userByAccessKey(accessKey);
  if (found === undefined) return undefined;
  const { user, key } = found;
  return {
    identity: {
      userId: user.id,
      accountId: user.accountId,
      displayName: user.displayName,
      accessKey: key.accessKey,
    },
    secret: key.secret,
  };
}
