/** Whom the ids in access control lists name. */
import { anonymousId, type Grantee, groups } from '../s3/acl.ts';
import type { NamedBy } from '../s3/acl-request.ts';
import type { Services } from '../services.ts';

/** What says who is who. */
export type Users = Pick<Services, 'namespace' | 'config'>;

/** A user by canonical id, and everybody who does not sign by theirs. */
export function namedBy({ namespace, config }: Users): NamedBy {
  return (id) => {
    if (id === anonymousId || namespace.user(id) !== undefined) return { kind: 'user', id };
    return config.cumulus ? namedInCumulus(namespace, id) : undefined;
  };
}

/** By what an access control list names a user: `namedBy` knows whom it means. */
export function nameOf({ namespace, config }: Users): (id: string) => string {
  if (!config.cumulus) return (id) => id;
  return (id) => namespace.user(id)?.keys[0]?.accessKey ?? id;
}

/** Cumulus had two users that stood for groups, and named all others by their access keys. */
const cumulusGroups: ReadonlyMap<string, string> = new Map([
  ['CumulusPublicUser', groups.everyone],
  ['CumulusAuthenticatedUser', groups.users],
]);

function namedInCumulus(namespace: Users['namespace'], name: string): Grantee | undefined {
  const uri = cumulusGroups.get(name);
  if (uri !== undefined) return { kind: 'group', uri };
  const found = namespace.userByAccessKey(name);
  return found && { kind: 'user', id: found.user.id };
}
