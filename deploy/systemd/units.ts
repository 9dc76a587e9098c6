/**
 * The members of a deployment as services of systemd: a unit per program, an instance per member, and a
 * target for all of them, which starts when the machine has its secrets.
 */
import { type Artifact, artifact, program, sourceText } from '../artifact.ts';
import type { Description } from '../description/description.ts';
import { machineProgram, machineSettings, machineStorage, machineUser } from '../machine.ts';

const unitDirectory = 'etc/systemd/system';
/** Below it, ports are for programs with a capability. */
const firstFreePort = 1024;

/** Files of a machine, below its root, that hold for all members on it. `listen`: on which addresses. */
export function machineFiles(description: Description, listen: string): Artifact[] {
  const storage = machineStorage(description);
  const unit = (name: string, text: string): Artifact => artifact(`${unitDirectory}/${name}`, text);
  return [
    unit('blobseer-entity@.service', entityUnit(description, storage)),
    unit('blobseer-gateway@.service', gatewayUnit(description, storage)),
    unit('blobseer.path', pathUnit(storage)),
    unit('blobseer.target', target),
    artifact('etc/sysusers.d/blobseer.conf', `u ${machineUser} - "BlobSeer" ${storage}\n`),
    artifact(machineSettings.slice(1), settingsText(storage, listen)),
    program(machineProgram.slice(1), sourceText('systemd/files/machine')),
  ];
}

function settingsText(storage: string, listen: string): string {
  return `BLOBSEER_STORAGE=${storage}\nBLOBSEER_USER=${machineUser}\nBLOBSEER_LISTEN=${listen}\n`;
}

function entityUnit(description: Description, storage: string): string {
  return serviceUnit({
    title: "BlobSeer's %i",
    storage,
    command: `${programOf(description)} entity \${ROLE} --config blobseer.cfg --data data --listen \${LISTEN} --port \${PORT} $ADVERTISE`,
    capability: '',
  });
}

function gatewayUnit(description: Description, storage: string): string {
  const { gateways } = description.ports;
  return serviceUnit({
    title: 'S3 on BlobSeer, %i',
    storage,
    command: `${programOf(description)} serve --config gateway.yaml --listen \${LISTEN}:\${PORT}`,
    capability: gateways < firstFreePort ? 'CAP_NET_BIND_SERVICE' : '',
  });
}

function programOf({ targets }: Description): string {
  return `/usr/bin/env node ${targets.ssh.path}/bin/blobseer-s3.js`;
}

interface Service {
  readonly title: string;
  readonly storage: string;
  readonly command: string;
  readonly capability: string;
}

/** No MemoryDenyWriteExecute: Node compiles what it runs. */
function serviceUnit({ title, storage, command, capability }: Service): string {
  return `[Unit]
Description=${title}
Wants=network-online.target
After=network-online.target
PartOf=blobseer.target
StartLimitIntervalSec=0

[Service]
Type=exec
User=${machineUser}
Group=${machineUser}
WorkingDirectory=${storage}/%i
EnvironmentFile=${storage}/%i/member.env
ExecStart=${command}
Restart=always
RestartSec=1
KillMode=mixed
TimeoutStopSec=90
LimitNOFILE=65536
UMask=0077
ProtectSystem=strict
ReadWritePaths=${storage}/%i
ProtectHome=yes
ProtectProc=invisible
ProtectHostname=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateDevices=yes
PrivateTmp=yes
NoNewPrivileges=yes
AmbientCapabilities=${capability}
CapabilityBoundingSet=${capability}
LockPersonality=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service

[Install]
WantedBy=blobseer.target
`;
}

function pathUnit(storage: string): string {
  return `[Unit]
Description=Starts BlobSeer when this machine has the secrets of its members

[Path]
PathExists=${storage}/complete
Unit=blobseer.target

[Install]
WantedBy=multi-user.target
`;
}

const target = `[Unit]
Description=BlobSeer's members on this machine
`;
