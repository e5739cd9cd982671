/** What a service tells systemd (sd_notify(3)). */
import { DatagramSender } from "../log/local-datagram.ts";
import { Outlet } from "../log/outlet.ts";

/**
 * Says that the service answers: `systemctl start` and units ordered after it wait for this, so that a service
 * that cannot start is a failed start.
 *
 * @param socket NOTIFY_SOCKET of the environment; if it is undefined, nobody waits
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
