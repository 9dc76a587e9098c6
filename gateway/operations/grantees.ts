/** Whom the ids in access control lists name. */
import { anonymousId } from '../s3/acl.ts';
import type { NamedBy } from '../s3/acl-request.ts';
import type { Services } from '../services.ts';

/** What says who is who. */
export type Users = Pick<Services, 'namespace'>;

/** A user by canonical id, and everybody who does not sign by theirs. */
export function namedBy({ namespace }: Users): NamedBy {
  return (id) =>
    id === anonymousId || namespace.user(id) !== undefined ? { kind: 'user', id } : undefined;
}
