/** What systemd hears of a service (sd_notify(3)). */
import { libc } from "./libc.ts";
import { connectDatagram } from "./local-datagram.ts";

/**
 * Says that the service answers: `systemctl start` and what is ordered behind it wait for this, and a
 * service that cannot start is then a start that failed.
 *
 * @param socket NOTIFY_SOCKET of the environment; without it nobody waits
 */
export function notifyReady(socket: string | undefined): void {
  if (socket === undefined || socket === "") return;
  const descriptor = connectDatagram(socket);
  if (descriptor < 0) return;
  const message = Buffer.from("READY=1");
  libc().send(descriptor, message, BigInt(message.length), 0);
  libc().close(descriptor);
}
