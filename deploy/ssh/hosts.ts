/** Which member goes to which of the machines that a description names. */
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import type { Description } from '../description/description.ts';
import { keyOfRole } from '../machine.ts';
import type { MemberRole } from '../plan.ts';

/** In turn, where a role has more members than hosts. Throws `invalid-argument` where it has none. */
export function givenHosts(description: Description): (role: MemberRole, index: number) => string {
  return (role, index) => {
    const key = keyOfRole(role);
    const { hosts } = description.roles[key];
    const host = hosts[index % hosts.length];
    if (host !== undefined) return host;
    const message = `roles.${key}.hosts is missing: the target ssh needs machines that exist`;
    throw new BlobSeerError('invalid-argument', message);
  };
}
