/** What systemd hears of a service (sd_notify(3)). */
import { DatagramSender } from "../log/local-datagram.ts";
import { Outlet } from "../log/outlet.ts";

/**
 * Says that the service answers: `systemctl start` and what is ordered behind it wait for this, and a
 * service that cannot start is then a start that failed.
 *
 * @param socket NOTIFY_SOCKET of the environment; without it nobody waits
 */
export function notifyReady(socket: string | undefined): void {
  if (socket === undefined || socket === "") return;
  const manager = new DatagramSender(socket);
  new Outlet<Uint8Array>(() => (message) => {
    if (manager.send(message) === "busy") return message;
    manager.close();
    return undefined;
  }).write(Buffer.from("READY=1"));
}
