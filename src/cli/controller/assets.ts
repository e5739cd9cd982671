/** The files that the binary contains. Only `asset` loads this, so that no other mode pays for it. */
import zshCompletion from "../../../completions/_ctrl-exec" with { type: "text" };
import bashCompletion from "../../../completions/ctrl-exec.bash" with { type: "text" };
import fishCompletion from "../../../completions/ctrl-exec.fish" with { type: "text" };
import agentConf from "../../assets/agent.conf" with { type: "text" };
import agentConfPage from "../../assets/agent.conf.5" with { type: "text" };
import authHook from "../../assets/auth-hook" with { type: "text" };
import controllerPage from "../../assets/ctrl-exec.1" with { type: "text" };
import controllerConf from "../../assets/ctrl-exec.conf" with { type: "text" };
import controllerConfPage from "../../assets/ctrl-exec.conf.5" with { type: "text" };
import agentPage from "../../assets/ctrl-exec-agent.8" with { type: "text" };
import agentOpenrc from "../../assets/ctrl-exec-agent.openrc" with { type: "text" };
import agentProcd from "../../assets/ctrl-exec-agent.procd" with { type: "text" };
import agentService from "../../assets/ctrl-exec-agent.service" with { type: "text" };
import agentTight from "../../assets/ctrl-exec-agent-tight.conf" with { type: "text" };
import alerts from "../../assets/ctrl-exec-alerts.yml" with { type: "text" };
import apiPage from "../../assets/ctrl-exec-api.8" with { type: "text" };
import apiOpenrc from "../../assets/ctrl-exec-api.openrc" with { type: "text" };
import apiProcd from "../../assets/ctrl-exec-api.procd" with { type: "text" };
import apiService from "../../assets/ctrl-exec-api.service" with { type: "text" };
import dashboard from "../../assets/ctrl-exec-dashboard.json" with { type: "text" };
import demonstrator from "../../assets/ctrl-exec-demonstrator.sh" with { type: "text" };
import maintainCron from "../../assets/ctrl-exec-maintain.cron" with { type: "text" };
import maintainService from "../../assets/ctrl-exec-maintain.service" with { type: "text" };
import maintainTimer from "../../assets/ctrl-exec-maintain.timer" with { type: "text" };
import upgradeOpenrc from "../../assets/ctrl-exec-upgrade.openrc" with { type: "text" };
import upgradePath from "../../assets/ctrl-exec-upgrade.path" with { type: "text" };
import upgradeProcd from "../../assets/ctrl-exec-upgrade.procd" with { type: "text" };
import upgradeService from "../../assets/ctrl-exec-upgrade.service" with { type: "text" };
import scriptsConf from "../../assets/scripts.conf" with { type: "text" };
import scriptsConfPage from "../../assets/scripts.conf.5" with { type: "text" };

export interface Asset {
  readonly summary: string;
  /** Generated on demand: some take time. */
  text(): string | Promise<string>;
}

async function openapi(): Promise<string> {
  const [{ openapiDocument }, { ROUTES }] = await Promise.all([
    import("../../api/openapi.ts"),
    import("../../api/routes.ts"),
  ]);
  return `${JSON.stringify(openapiDocument(ROUTES), null, 2)}\n`;
}

const file = (summary: string, text: string): Asset => ({ summary, text: () => text });

/** By name, in the order of `asset list`. */
export const ASSETS: Readonly<Record<string, Asset>> = {
  "ctrl-exec.conf": file("Example configuration of the control host", controllerConf),
  "agent.conf": file("Example configuration of an agent", agentConf),
  "scripts.conf": file("Example allowlist", scriptsConf),
  "auth-hook": file("Example auth hook of the control host", authHook),
  "ctrl-exec-demonstrator.sh": file("Script that shows what scripts can do", demonstrator),
  "ctrl-exec-agent.service": file("systemd unit of the agent", agentService),
  "ctrl-exec-agent-tight.conf": file("Drop-in for agents whose scripts need no root", agentTight),
  "ctrl-exec-api.service": file("systemd unit of the API", apiService),
  "ctrl-exec-maintain.service": file("systemd unit of the maintenance", maintainService),
  "ctrl-exec-maintain.timer": file("systemd timer of the maintenance", maintainTimer),
  "ctrl-exec-maintain.cron": file("The same for cron, without systemd", maintainCron),
  "ctrl-exec-upgrade.service": file("systemd unit of upgrades", upgradeService),
  "ctrl-exec-upgrade.path": file("systemd unit that starts them", upgradePath),
  "ctrl-exec-agent.openrc": file("OpenRC script of the agent", agentOpenrc),
  "ctrl-exec-api.openrc": file("OpenRC script of the API", apiOpenrc),
  "ctrl-exec-upgrade.openrc": file("OpenRC script of upgrades", upgradeOpenrc),
  "ctrl-exec.bash": file("Completions for bash", bashCompletion),
  "ctrl-exec.zsh": file("Completions for zsh", zshCompletion),
  "ctrl-exec.fish": file("Completions for fish", fishCompletion),
  "ctrl-exec-agent.procd": file("procd script of the agent", agentProcd),
  "ctrl-exec-api.procd": file("procd script of the API", apiProcd),
  "ctrl-exec-upgrade.procd": file("procd script of upgrades", upgradeProcd),
  "ctrl-exec-alerts.yml": file("Alert rules for Prometheus", alerts),
  // The compiler takes it for what the JSON holds; as text it is a string.
  "ctrl-exec-dashboard.json": file("Dashboard for Grafana", dashboard as unknown as string),
  "openapi.json": { summary: "The API as an OpenAPI 3.1 document", text: openapi },
  "ctrl-exec.1": file("Manual page of ctrl-exec", controllerPage),
  "ctrl-exec-agent.8": file("Manual page of ctrl-exec-agent", agentPage),
  "ctrl-exec-api.8": file("Manual page of ctrl-exec-api", apiPage),
  "ctrl-exec.conf.5": file("Manual page of ctrl-exec.conf", controllerConfPage),
  "agent.conf.5": file("Manual page of agent.conf", agentConfPage),
  "scripts.conf.5": file("Manual page of scripts.conf", scriptsConfPage),
};
