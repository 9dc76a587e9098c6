/** For machines that Nimbus's interface of EC2 starts: cloud-init gets the user data of Nimbus's own server. */
import { type Artifact, artifact, program, sourceText } from '../artifact.ts';

const programFile = '/usr/local/lib/blobseer/nimbus-user-data';

export function userDataFiles(): Artifact[] {
  return [
    program(programFile.slice(1), sourceText('nimbus/files/user-data')),
    artifact('etc/systemd/system/blobseer-user-data.service', unit),
  ];
}

const unit = `[Unit]
Description=Gives cloud-init the user data of Nimbus
Wants=network-online.target
After=network-online.target
ConditionPathExists=/var/nimbus-metadata-server-url

[Service]
Type=oneshot
ExecStart=/bin/sh ${programFile}
RemainAfterExit=yes

[Install]
WantedBy=multi-user.target
`;
