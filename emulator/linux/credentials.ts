/** Who a process acts as. Everything runs as root unless told otherwise; nothing on the host depends on it. */
export interface Credentials {
  uid: number;
  euid: number;
  suid: number;
  gid: number;
  egid: number;
  sgid: number;
  groups: number[];
}

/** Those of the first process: everything is allowed to it inside the guest. */
export const rootCredentials = (): Credentials => ({ uid: 0, euid: 0, suid: 0, gid: 0, egid: 0, sgid: 0, groups: [0] });
