/**
 * Who may speak, and how. The first byte of a connection tells TLS from the original's protocol, whose
 * bytes are taken only from the networks where they may travel. Within a time both are told, or it ends.
 */
import type { Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import type { Security } from '../../blobseer-client/remote/security.ts';
import type { Peer } from './method.ts';

/** What a TLS connection begins with. No number of a call does. */
const tlsHandshakeByte = 0x16;

export interface AdmissionOptions {
  readonly security: Security;
  readonly handshakeTimeoutMs: number;
  /** Of those who may speak in plain: C++ clients open connections that they may have no use for. */
  readonly silenceTimeoutMs: number;
  readonly onAdmitted: (socket: Socket, peer: Peer) => void;
  readonly onRefused: (peer: Peer, reason: string) => void;
}

interface Applicant {
  readonly socket: Socket;
  readonly peer: Peer;
  readonly timer: NodeJS.Timeout;
  /** Undefined when there is nothing to say: it asked for nothing, and it might have. */
  reason: string | undefined;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #acceptor: Server;
  /** By both ends of their connections: a TLS socket does not tell what it was made from. */
  readonly #applicants = new Map<string, Applicant>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#acceptor = options.security.createAcceptor();
    this.#acceptor.on('secureConnection', (secured) => this.#secured(secured));
    this.#acceptor.on('tlsClientError', (error: NodeJS.ErrnoException, secured) => {
      const applicant = this.#applicants.get(endsOf(secured));
      if (applicant !== undefined) applicant.reason = `no TLS: ${error.code ?? error.message}`;
      secured.destroy();
    });
  }

  take(socket: Socket, peer: Peer): void {
    const { security, handshakeTimeoutMs, silenceTimeoutMs } = this.#options;
    const ends = endsOf(socket);
    const isPlain = security.isPlain(peer.host);
    const timeoutMs = isPlain ? silenceTimeoutMs : handshakeTimeoutMs;
    const timer = setTimeout(() => {
      if (!isPlain || socket.bytesRead > 0) {
        applicant.reason = `neither a call nor TLS within ${timeoutMs} ms`;
      }
      socket.destroy();
    }, timeoutMs);
    const reason = isPlain ? undefined : 'closed before it said anything';
    const applicant: Applicant = { socket, peer, timer, reason };
    this.#applicants.set(ends, applicant);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      if (this.#applicants.get(ends) !== applicant) return;
      this.#remove(ends, applicant);
      if (applicant.reason !== undefined) this.#options.onRefused(peer, applicant.reason);
    });
    socket.once('data', (chunk) => {
      socket.pause();
      socket.unshift(chunk);
      this.#judge(applicant, chunk[0]);
    });
  }

  /** Those who are not admitted yet never will be. */
  close(): void {
    for (const [ends, applicant] of this.#applicants) {
      this.#remove(ends, applicant);
      applicant.socket.destroy();
    }
  }

  #judge(applicant: Applicant, firstByte: number | undefined): void {
    const { socket, peer } = applicant;
    if (firstByte === tlsHandshakeByte) {
      applicant.reason = 'closed within the handshake';
      // Whoever has ended his side within it cannot complete it.
      socket.allowHalfOpen = false;
      this.#acceptor.emit('connection', socket);
    } else if (this.#options.security.isPlain(peer.host)) {
      this.#remove(endsOf(socket), applicant);
      this.#options.onAdmitted(socket, peer);
    } else {
      applicant.reason = 'no TLS, from outside the plain networks';
      socket.destroy();
    }
  }

  #secured(secured: TLSSocket): void {
    const ends = endsOf(secured);
    const applicant = this.#applicants.get(ends);
    if (applicant === undefined) {
      secured.destroy();
      return;
    }
    this.#remove(ends, applicant);
    secured.allowHalfOpen = true;
    this.#options.onAdmitted(secured, applicant.peer);
  }

  #remove(ends: string, { timer }: Applicant): void {
    clearTimeout(timer);
    this.#applicants.delete(ends);
  }
}

const endsOf = ({ remoteAddress, remotePort, localAddress }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress}`;
