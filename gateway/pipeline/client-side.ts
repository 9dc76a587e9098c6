/**
 * What the client saw: the host it called, over http or https, and where it is. A proxy in front may
 * have rewritten Host, ended TLS, and is itself the peer of the connection; what it says of that in
 * X-Forwarded-* headers is believed only from an address the operator trusts, since anybody can send
 * such headers. Of a list the last element counts, which is what the nearest proxy wrote; those
 * before it may be the client's own invention.
 */
import { BlockList, isIP } from 'node:net';
import type { Config } from '../config.ts';
import type { Headers } from '../operations/operation.ts';
import { bucketOfHost } from '../s3/query.ts';

export interface ProxyTrust {
  readonly domains: readonly string[];
  readonly publicHosts: readonly string[];
  /** `address` as sockets and X-Forwarded-For have it. */
  trusts(address: string): boolean;
}

export function proxyTrust(
  config: Pick<Config, 'domains' | 'publicHosts' | 'trustedProxies'>,
): ProxyTrust {
  const { domains, publicHosts, trustedProxies } = config;
  const networks = new BlockList();
  for (const { address, prefix, family } of trustedProxies) {
    networks.addSubnet(address, prefix, family);
  }
  return {
    domains,
    publicHosts,
    trusts(address) {
      // Looking an address up costs as much as a signature: not where there is nobody to find.
      if (trustedProxies.length === 0) return false;
      const version = isIP(address);
      return version !== 0 && networks.check(address, version === 4 ? 'ipv4' : 'ipv6');
    },
  };
}

export interface ClientSide {
  /** The Host that addresses the bucket; undefined where none was sent (HTTP/1.0). */
  readonly host: string | undefined;
  /**
   * What may have been signed as Host, `host` first. More than one only from a trusted proxy, and
   * all of them name the same bucket: a signature for one bucket must not open another.
   */
  readonly hosts: readonly string[];
  /** The host of URLs in answers, where no signature has told. */
  readonly publicHost: string | undefined;
  readonly secure: boolean;
  /** Undefined where the connection is gone already. */
  readonly address: string | undefined;
}

export interface Peer {
  readonly address: string | undefined;
  readonly encrypted: boolean;
}

export function clientSide(headers: Headers, peer: Peer, trust: ProxyTrust): ClientSide {
  const host = headers.get('host');
  const peerAddress = peer.address === undefined ? undefined : plainPeer(peer.address);
  if (peerAddress === undefined || !trust.trusts(peerAddress)) {
    const { encrypted: secure } = peer;
    return { host, hosts: listOf(host), publicHost: host, secure, address: peerAddress };
  }
  const forwardedHost = lastOf(headers.get('x-forwarded-host'));
  const seen =
    forwardedHost !== undefined && visible.test(forwardedHost) ? forwardedHost : undefined;
  return {
    host: seen ?? host,
    hosts: signable(seen, host, trust),
    publicHost: seen ?? publicHostFor(host, trust),
    secure: secureOf(lastOf(headers.get('x-forwarded-proto')), peer),
    address: forwardedAddress(headers.get('x-forwarded-for'), peerAddress, trust),
  };
}

const visible = /^[\x21-\x7e]+$/;

/** The header of a proxy that forwards it, the Host as it came, and what the operator has named. */
function signable(
  forwarded: string | undefined,
  received: string | undefined,
  trust: ProxyTrust,
): string[] {
  const { domains, publicHosts } = trust;
  const bucket = bucketOfHost(forwarded ?? received, domains);
  const all = [...listOf(forwarded), ...listOf(received), ...publicHosts];
  return [...new Set(all)].filter((host) => bucketOfHost(host, domains) === bucket);
}

/** A Host that is none of ours, and names no bucket, is what the proxy calls us: not for clients. */
function publicHostFor(received: string | undefined, trust: ProxyTrust): string | undefined {
  const { domains, publicHosts } = trust;
  const isKnown = received !== undefined && publicHosts.includes(received.toLowerCase());
  if (isKnown || bucketOfHost(received, domains) !== undefined) return received;
  return publicHosts[0] ?? received;
}

function secureOf(forwardedProto: string | undefined, peer: Peer): boolean {
  const proto = forwardedProto?.toLowerCase();
  if (proto === 'https') return true;
  return proto === 'http' ? false : peer.encrypted;
}

/** From the right, past every trusted proxy, to the first address that is none. */
function forwardedAddress(text: string | undefined, peer: string, trust: ProxyTrust): string {
  let nearest = peer;
  for (const element of (text ?? '').split(',').reverse()) {
    const address = plainAddress(element.trim());
    if (address === undefined) break;
    nearest = address;
    if (!trust.trusts(address)) break;
  }
  return nearest;
}

/** The last peer's: one after another are requests of the same one, or of the same proxy. */
let lastPeer: { readonly text: string; readonly plain: string | undefined } | undefined;

function plainPeer(text: string): string | undefined {
  if (lastPeer?.text !== text) lastPeer = { text, plain: plainAddress(text) };
  return lastPeer.plain;
}

/**
 * An address without port, brackets and zone, IPv4 in its own form: what `::ffff:10.0.0.1`,
 * `10.0.0.1:1234` and `[fd00::1]:1234` mean. Undefined for what is none.
 */
function plainAddress(text: string): string | undefined {
  const match =
    /^(?:::ffff:)?([0-9.]+)(?::[0-9]+)?$/i.exec(text) ??
    /^\[([0-9a-f:.]+)\](?::[0-9]+)?$/i.exec(text) ??
    /^([0-9a-f:.]+)(?:%.*)?$/i.exec(text);
  const address = match?.[1];
  return address !== undefined && isIP(address) !== 0 ? address : undefined;
}

function lastOf(list: string | undefined): string | undefined {
  const last = list?.slice(list.lastIndexOf(',') + 1).trim();
  return last === '' ? undefined : last;
}

function listOf(host: string | undefined): string[] {
  return host === undefined ? [] : [host];
}
