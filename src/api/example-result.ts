/** The result of a run on one host, as the examples of the API's document show it. */
export const EXAMPLE_RESULT = {
  host: "web-01",
  script: "deploy-app",
  exit: 0,
  stdout: "deployed\n",
  stderr: "",
  rtt: "42ms",
  reqid: "a1b2c3d4e5f60718",
  state: "ended",
} as const;
