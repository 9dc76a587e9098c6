/**
 * The cluster document of Nimbus's cloud client: a workspace per role. Both its schema, which wants all names
 * qualified, and its parser, which knows no namespaces, take this form.
 */
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { type Description, type RoleKey, roleKeys } from '../description/description.ts';
import { markedRoles, roleTemplate } from '../machine.ts';
import { type MemberRole, memberRoles } from '../plan.ts';

const namespace = 'http://www.globus.org/2008/12/nimbus/ctxdescription';
/** An xs:short. */
const maxQuantity = 32_767;
/** With one network card, the client tells by the name which of its two kinds of networks it is. */
const networkPrefix = /^(pub|priv)/i;

/** A role's name in the original BlobSeer, which is its name in a context too. */
export const contextRoles: Readonly<Record<MemberRole, string>> = {
  'version-manager': 'vmanager',
  'provider-manager': 'pmanager',
  'metadata-provider': 'sdht',
  'data-provider': 'provider',
  gateway: 's3gateway',
};

/**
 * The name of a role's data item. The broker keeps data by name for the whole context, so each role has a
 * name of its own; and a virtual machine learns from nothing else which role it plays.
 */
export function dataName(role: MemberRole): string {
  return `blobseer-${role}`;
}

/** Throws `invalid-argument` where the client would refuse the document, or wait for ever. */
export function clusterDocument(description: Description): string {
  const workspaces = roleKeys.map((key) => workspace(description, key)).join('');
  return `<?xml version="1.0" encoding="UTF-8"?>
<cluster xmlns="${namespace}" xmlns:c="${namespace}">
${workspaces}</cluster>
`;
}

function workspace(description: Description, key: RoleKey): string {
  const { count, image, network } = description.roles[key];
  const role = memberRoles[key];
  if (image === undefined) throw wrong(`roles.${key}.image is missing: Nimbus starts images`);
  if (network === undefined) throw wrong(`roles.${key}.network is missing, such as "public"`);
  if (!networkPrefix.test(network)) {
    throw wrong(`roles.${key}.network must begin with "pub" or "priv", not "${network}"`);
  }
  if (count > maxQuantity) throw wrong(`roles.${key}.count is more than ${maxQuantity}`);
  const required = markedRoles
    .map((one) => `        <role c:name="${contextRoles[one]}" c:hostname="true"/>\n`)
    .join('');
  return `  <workspace>
    <name>${role}</name>
    <image>${escaped(image)}</image>
    <quantity>${count}</quantity>
    <nic c:wantlogin="true">${escaped(network)}</nic>
    <ctx>
      <provides>
        <identity/>
        <role>${contextRoles[role]}</role>
      </provides>
      <requires>
        <identity/>
${required}        <data c:name="${dataName(role)}"><![CDATA[${roleTemplate(description, role)}]]></data>
      </requires>
    </ctx>
  </workspace>
`;
}

/** Words of a description have no quotes. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

function wrong(message: string): BlobSeerError {
  return new BlobSeerError('invalid-argument', message);
}
